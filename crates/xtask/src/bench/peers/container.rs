//! Other makers of sandboxes: bubblewrap and runc, each with every name space of its own around the same static program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use crate::bench::packages;
use crate::stage::command;
use crate::workspace;

/// One way to run a program in a sandbox.
pub(in crate::bench) enum Container {
    Bubblewrap { root: PathBuf },
    Runc { bundle: PathBuf, state: PathBuf },
}

impl Container {
    pub(in crate::bench) fn name(&self) -> &'static str {
        match self {
            Self::Bubblewrap { .. } => "bubblewrap",
            Self::Runc { .. } => "runc",
        }
    }

    /// Runs the program once; `number` keeps names apart.
    pub(in crate::bench) fn command(&self, number: usize) -> Command {
        match self {
            Self::Bubblewrap { root } => {
                let mut command = Command::new("bwrap");
                command
                    .args(["--unshare-all", "--die-with-parent", "--cap-drop", "ALL"])
                    .arg("--ro-bind")
                    .arg(root)
                    .args([
                        "/", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "/true",
                    ]);
                command
            }
            Self::Runc { bundle, state } => {
                let mut command = Command::new("runc");
                command
                    .arg("--root")
                    .arg(state)
                    .args(["run", "--bundle"])
                    .arg(bundle)
                    .arg(format!("lambkin-bench-{}-{number}", std::process::id()));
                command
            }
        }
    }
}

/// Installs it from the distribution if it is not there, and lays out its root.
pub(super) fn bubblewrap() -> anyhow::Result<Container> {
    install("bwrap", "bubblewrap")?;
    let root = lay_root(&workspace::target().join("peers/bubblewrap"))?;
    Ok(Container::Bubblewrap { root })
}

/// Installs it from the distribution if it is not there, and lays out its bundle.
pub(super) fn runc() -> anyhow::Result<Container> {
    install("runc", "runc")?;
    let bundle = workspace::target().join("peers/runc");
    lay_root(&bundle)?;
    describe(&bundle)?;
    let state = bundle.join("state");
    Ok(Container::Runc { bundle, state })
}

fn install(program: &str, package: &str) -> anyhow::Result<()> {
    if Command::new(program).arg("--version").output().is_ok() {
        return Ok(());
    }
    let words = ["install", "-qq", "-y", "--no-install-recommends", package];
    command(Command::new("apt-get").args(words))
}

/// A root with the static program and nothing else.
fn lay_root(bundle: &Path) -> anyhow::Result<PathBuf> {
    let root = bundle.join("rootfs");
    let _ = std::fs::remove_dir_all(bundle);
    for folder in ["proc", "dev", "tmp", "sys"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    std::fs::copy(packages::static_true()?, root.join("true"))?;
    Ok(root)
}

/// The description that runc itself proposes, without a terminal.
fn describe(bundle: &Path) -> anyhow::Result<()> {
    command(Command::new("runc").args(["spec", "--bundle"]).arg(bundle))?;
    let file = bundle.join("config.json");
    let mut description: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let process = description
        .get_mut("process")
        .and_then(Value::as_object_mut)
        .context("runc describes no process")?;
    process.insert("terminal".to_owned(), json!(false));
    process.insert("args".to_owned(), json!(["/true"]));
    Ok(std::fs::write(file, serde_json::to_vec(&description)?)?)
}
