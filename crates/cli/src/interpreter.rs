//! The package installers of Python and Node.js on this machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::tool;

/// Says which version runs, and fails where there is no pip.
const PROBE: &str = "import sys, pip; print('%d.%d' % sys.version_info[:2])";

/// A Python that has pip.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    path: PathBuf,
    /// `3.11`.
    version: String,
}

impl Python {
    /// The preferred one if it has pip, else another that has.
    pub(crate) async fn with_pip(preferred: Option<&Path>) -> anyhow::Result<Self> {
        let others = ["python3", "/usr/bin/python3", "python"].map(Path::new);
        for path in preferred.into_iter().chain(others) {
            let mut probe = Command::new(path);
            probe.args(["-c", PROBE]);
            let mut version = String::new();
            if tool::run(probe, |line| version = line).await.is_ok() {
                return Ok(Self {
                    path: path.to_owned(),
                    version,
                });
            }
        }
        bail!(
            "no Python with pip was found; on Debian and Ubuntu `apt-get install python3-pip` installs it"
        );
    }

    /// A `pip install` into a folder for functions of a version such as `3.12`; where pip's own Python
    /// is another, only wheels can be chosen for it.
    pub(crate) fn pip_install(&self, target: &Path, version: Option<&str>) -> Command {
        let mut pip = Command::new(&self.path);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]);
        pip.args(["--root-user-action", "ignore", "--target"])
            .arg(target);
        if let Some(version) = version.filter(|version| *version != self.version) {
            pip.args(["--python-version", version, "--only-binary", ":all:"]);
        }
        pip
    }
}

/// An `npm`, run beside the Node.js that will run the function.
pub(crate) async fn npm(node: Option<&Path>) -> anyhow::Result<Command> {
    let path = search_path(node);
    let command = || {
        let mut npm = Command::new("npm");
        npm.env("PATH", &path);
        npm
    };
    let mut probe = command();
    probe.arg("--version");
    tool::run(probe, drop)
        .await
        .context("npm does not run; on Debian and Ubuntu `apt-get install npm` installs it")?;
    Ok(command())
}

/// `PATH`, with the folder of `node` in front.
fn search_path(node: Option<&Path>) -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(folder) = node.and_then(Path::parent) else {
        return path;
    };
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
}
