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
    strip_into(&built(&["--bin", "lambkin"])?, &tree.join("lambkin"))?;
    let suite = built(&["--package", "lambkin-sandbox", "--test", "sandbox"])?;
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

/// Builds one target in the profile of the tests and tells where its program is.
fn built(target: &[&str]) -> anyhow::Result<PathBuf> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(workspace::root())
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(target)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("cargo build {target:?} ended with {}", output.status);
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .next_back()
        .with_context(|| format!("cargo build {target:?} made no program"))
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
