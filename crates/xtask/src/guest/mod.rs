//! `cargo xtask guest`: what needs a machine of another kind, run in a small emulated one: control groups of
//! version 2 with every controller, a system manager that delegates them, and the shipped units.
//!
//! The guest is made of the host's own distribution, so that programs built here run there. It needs no right
//! to virtualise: QEMU emulates its processor. What it runs is `e2e/guest/`; it has no network.

mod image;
mod machine;
mod payload;

use std::path::PathBuf;

use anyhow::bail;

use crate::{setup, workspace};

#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// Only this check of `e2e/guest/checks`.
    #[arg(long, value_name = "CHECK")]
    only: Option<String>,
}

/// Makes the guest where it is missing or older than its recipe, boots it with this tree's programs, and fails
/// if any check in it does.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(reason) = unsupported() {
        bail!("{reason}");
    }
    prepare()?.run(options)
}

/// A guest that can be given this tree's programs.
pub(crate) struct Guest(image::Image);

/// Makes the guest where it is missing or older than its recipe: mostly a download, and of use beside a build.
pub(crate) fn prepare() -> anyhow::Result<Guest> {
    setup::guest()?;
    std::fs::create_dir_all(folder())?;
    Ok(Guest(image::make()?))
}

impl Guest {
    /// Boots it with this tree's programs, and fails if any check in it does.
    pub(crate) fn run(&self, options: &Options) -> anyhow::Result<()> {
        let payload = payload::pack(options.only.as_deref())?;
        machine::boot(&self.0, &payload)
    }
}

/// Why this machine cannot make the guest, if it cannot.
pub(crate) fn unsupported() -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        return Some("the guest is made for x86-64 only".to_owned());
    }
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let debian = release.lines().any(|line| line == "ID=debian");
    (!debian).then(|| "the guest is made of Debian's packages, and this is no Debian".to_owned())
}

/// Where the guest's files are kept between runs.
fn folder() -> PathBuf {
    workspace::target().join("guest")
}

/// What is put into the guest.
fn recipe() -> PathBuf {
    workspace::root().join("e2e/guest")
}
