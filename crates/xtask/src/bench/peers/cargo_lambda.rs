//! `cargo lambda watch` with the repository's own Rust example.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::ensure;

use super::Serving;
use super::install::Folders;
use super::running::{Running, free_address};
use crate::bench::connection::Connection;
use crate::bench::ground::Subject;
use crate::workspace;

const PATH: &str = "/2015-03-31/functions/rust-hello/invocations";
const READY: Duration = Duration::from_secs(20);

/// Its first answer is waited for, since it builds the function then.
pub(super) fn start(folders: &Folders) -> anyhow::Result<Serving> {
    let project = folders.project("cargo-lambda")?;
    let example = workspace::root().join("examples/rust-hello");
    std::fs::create_dir_all(project.join("src"))?;
    for file in ["Cargo.toml", "Cargo.lock", "src/main.rs"] {
        std::fs::copy(example.join(file), project.join(file))?;
    }
    let built = folders.root.join("cargo-lambda-target");
    build(&project, &built)?;
    let address = free_address()?;
    let mut command = Command::new(folders.packages().join("bin/cargo-lambda"));
    command
        .current_dir(&project)
        .args(["lambda", "watch", "--release", "--ignore-changes"])
        .args(["--invoke-address", &address.ip().to_string()])
        .args(["--invoke-port", &address.port().to_string()])
        .env("CARGO_TARGET_DIR", built)
        .env("CARGO_NET_OFFLINE", "true");
    let mut running = Running::start(&mut command, &project.join("log"))?;
    running.wait_listening(address, READY)?;
    if let Subject::Other { request, .. } = Subject::other("cargo-lambda", address, PATH) {
        let (status, _) = Connection::open(address)?.call(&request)?;
        ensure!(status == 200, "the first invoke was answered {status}");
    }
    Ok(Serving {
        name: "cargo-lambda",
        path: PATH.to_owned(),
        address,
        _running: running,
    })
}

fn build(project: &Path, built: &Path) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    crate::stage::command(
        Command::new(cargo)
            .current_dir(project)
            .env("CARGO_TARGET_DIR", built)
            .args(["build", "--release", "--quiet", "--locked"]),
    )
}
