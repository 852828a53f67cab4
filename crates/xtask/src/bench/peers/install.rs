//! Peers' packages, at pinned versions, in folders of their own below the build folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Interpreters;
use crate::stage::command;
use crate::workspace;

/// The emulator's binary is a file of this package; what it depends on is not needed for that.
const PYPI_ALONE: [&str; 2] = ["aws-sam-cli==1.170.0", "cargo-lambda==1.9.2"];
const PYPI: &str = "awslambdaric==4.2.2";
/// The newest of each that runs on Node.js 20 and needs no account.
const NPM: [&str; 2] = ["aws-lambda-ric@3.3.0", "workerd@1.20261117.1"];
const NPM_OFFLINE: [&str; 2] = ["serverless@3.40.0", "serverless-offline@13.9.0"];

/// Where peers are installed.
pub(super) struct Folders {
    pub(super) root: PathBuf,
}

impl Folders {
    /// The emulator's binary.
    pub(super) fn emulator(&self) -> PathBuf {
        self.packages()
            .join("samcli/local/rapid/aws-lambda-rie-x86_64")
    }

    /// Python's packages.
    pub(super) fn packages(&self) -> PathBuf {
        self.root.join("python/packages")
    }

    /// Node.js' packages.
    pub(super) fn modules(&self) -> PathBuf {
        self.root.join("node/node_modules")
    }

    /// An empty folder for a peer's project.
    pub(super) fn project(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.root.join("projects").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

/// Installs what is not there yet at these versions.
pub(super) fn folders(interpreters: &Interpreters) -> anyhow::Result<Folders> {
    let folders = Folders {
        root: workspace::target().join("peers"),
    };
    std::fs::create_dir_all(&folders.root)?;
    once(
        &folders.root,
        "python",
        &[&PYPI_ALONE[..], &[PYPI]].concat(),
        || python(interpreters, &folders),
    )?;
    once(&folders.root, "node", &NPM, || {
        npm(interpreters, &folders.root.join("node"), &NPM)
    })?;
    once(&folders.root, "offline", &NPM_OFFLINE, || {
        npm(interpreters, &folders.root.join("offline"), &NPM_OFFLINE)
    })?;
    Ok(folders)
}

/// A folder is complete once it has a file with its versions.
fn once(
    root: &Path,
    name: &str,
    versions: &[&str],
    install: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mark = root.join(name).join("versions");
    let wanted = versions.join("\n");
    if std::fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    println!("installing {}", versions.join(", "));
    let _ = std::fs::remove_dir_all(root.join(name));
    std::fs::create_dir_all(root.join(name))?;
    install()?;
    Ok(std::fs::write(mark, wanted)?)
}

/// A virtual environment for pip alone; packages lie in a folder that the very interpreter is told of.
fn python(interpreters: &Interpreters, folders: &Folders) -> anyhow::Result<()> {
    let home = folders.root.join("python");
    command(
        Command::new(&interpreters.python)
            .args(["-m", "venv"])
            .arg(&home),
    )?;
    let install = |arguments: &[&str]| {
        command(
            Command::new(home.join("bin/pip"))
                .args([
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--target",
                ])
                .arg(folders.packages())
                .args(arguments),
        )
    };
    install(&[&["--no-deps"], &PYPI_ALONE[..]].concat())?;
    install(&[PYPI])?;
    command(Command::new("chmod").arg("+x").arg(folders.emulator()))
}

/// Native parts are built against the headers beside the interpreter, never fetched.
fn npm(interpreters: &Interpreters, home: &Path, packages: &[&str]) -> anyhow::Result<()> {
    let scripts = r#"{"private": true, "allowScripts": {"aws-lambda-ric": true, "workerd": true}}"#;
    std::fs::write(home.join("package.json"), scripts)?;
    let mut npm = Command::new("npm");
    npm.current_dir(home)
        .args(["install", "--no-audit", "--no-fund", "--loglevel", "error"])
        .args(packages);
    let prefix = interpreters.node.ancestors().nth(2);
    if let Some(prefix) = prefix.filter(|prefix| prefix.join("include/node").exists()) {
        npm.env("npm_config_nodedir", prefix);
    }
    command(&mut npm)
}
