//! The Python environment that drives the end-to-end tests: boto3, the AWS CLI and pytest, pinned.

use std::path::PathBuf;
use std::process::Command;

use crate::stage::command;
use crate::workspace;

/// Exact versions, so that a new release of a client never turns a run red by itself.
const REQUIREMENTS: &str = "e2e/requirements.txt";

/// The environment's interpreter.
pub(crate) fn python() -> PathBuf {
    folder().join("bin/python")
}

fn folder() -> PathBuf {
    workspace::target().join("e2e-venv")
}

/// Makes the environment, again whenever the pinned versions change.
pub(crate) fn install() -> anyhow::Result<()> {
    let wanted = std::fs::read_to_string(workspace::root().join(REQUIREMENTS))?;
    let stamp = folder().join("requirements.stamp");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    command(
        Command::new("/usr/bin/python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder()),
    )?;
    command(
        Command::new(python())
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(workspace::root().join(REQUIREMENTS)),
    )?;
    std::fs::write(stamp, wanted)?;
    Ok(())
}
