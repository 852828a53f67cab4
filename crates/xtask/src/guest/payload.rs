//! The programs under test and the checks, as the guest's second disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use super::{folder, image, recipe};
use crate::workspace;

/// Room for the programs, whose debug information is left out.
const BYTES: u64 = 512 << 20;
/// The shipped units, as they are.
const UNITS: [&str; 2] = ["lambkin.service", "lambkin-rootless.service"];

/// Builds what is missing and packs it, with the name of the one check to run if there is one.
pub(super) fn pack(only: Option<&str>) -> anyhow::Result<PathBuf> {
    let tree = folder().join("payload");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    fs::create_dir_all(&tree)?;
    let [program, suite] = built()?;
    strip_into(&program, &tree.join("lambkin"))?;
    strip_into(&suite, &tree.join("sandbox-suite"))?;
    for file in ["run", "checks"] {
        fs::copy(recipe().join(file), tree.join(file))?;
    }
    for unit in UNITS {
        let shipped = workspace::root().join("contrib/systemd").join(unit);
        fs::copy(shipped, tree.join(unit))?;
    }
    if let Some(check) = only {
        fs::write(tree.join("only"), check)?;
    }
    let image = folder().join("payload.ext4");
    image::file_system(&tree, &image, BYTES)?;
    Ok(image)
}

/// Builds the two programs in the profile of the tests and tells where they are. Both at once and of the whole
/// workspace, so that all crates have the features that they are built with already.
fn built() -> anyhow::Result<[PathBuf; 2]> {
    let output = crate::test::cargo()
        .args([
            "build",
            "--workspace",
            "--bin",
            "lambkin",
            "--test",
            "sandbox",
        ])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("cargo build ended with {}", output.status);
    }
    let messages: Vec<serde_json::Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let path = |kind, name| {
        messages
            .iter()
            .filter(|message| {
                message["target"]["kind"][0] == kind && message["target"]["name"] == name
            })
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .with_context(|| format!("cargo built no {kind} {name}"))
    };
    Ok([path("bin", "lambkin")?, path("test", "sandbox")?])
}

fn strip_into(program: &Path, stripped: &Path) -> anyhow::Result<()> {
    crate::stage::command(
        Command::new("strip")
            .arg("--strip-debug")
            .arg("-o")
            .arg(stripped)
            .arg(program),
    )
}
