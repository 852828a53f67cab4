//! Installs, by name and only where missing, what the tests use and a bare machine lacks.

mod apt;
mod venv;

use std::os::unix::fs::MetadataExt;
use std::process::Command;

pub(crate) use venv::{install as venv, python};

/// Everything the tests need beyond the Rust toolchain.
pub(crate) fn run() -> anyhow::Result<()> {
    apt::install(apt::TESTS)?;
    venv::install()
}

/// What the emulated guest needs.
pub(crate) fn guest() -> anyhow::Result<()> {
    apt::install(apt::GUEST)
}

/// A command with the rights of root: through sudo where the user is not root.
pub(crate) fn as_root(program: &str) -> Command {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    if root {
        return Command::new(program);
    }
    let mut sudo = Command::new("sudo");
    sudo.arg(program);
    sudo
}
