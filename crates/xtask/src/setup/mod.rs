//! Installs, by name and only where missing, what the tests use and a bare machine lacks.

mod apt;
mod venv;

pub(crate) use venv::{install as venv, python};

/// Everything the tests need beyond the Rust toolchain.
pub(crate) fn run() -> anyhow::Result<()> {
    apt::install()?;
    venv::install()
}
