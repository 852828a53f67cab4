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

/// Installs both from the distribution if they are not there, and lays out their roots.
pub(super) fn install() -> anyhow::Result<Vec<Container>> {
    for (program, package) in [("bwrap", "bubblewrap"), ("runc", "runc")] {
        if Command::new(program).arg("--version").output().is_err() {
            let install = ["install", "-qq", "-y", "--no-install-recommends", package];
            command(Command::new("apt-get").args(install))?;
        }
    }
    let bundle = workspace::target().join("peers/bundle");
    let root = bundle.join("rootfs");
    let _ = std::fs::remove_dir_all(&bundle);
    for folder in ["proc", "dev", "tmp", "sys"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    std::fs::copy(packages::static_true()?, root.join("true"))?;
    describe(&bundle)?;
    let state = bundle.join("state");
    Ok(vec![
        Container::Bubblewrap { root },
        Container::Runc { bundle, state },
    ])
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
