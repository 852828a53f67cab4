//! Sandboxes alone, without a server: their making beside a bare `clone3`, and what an idle one costs.

use std::process::Command;

use anyhow::ensure;

use crate::workspace;

/// Runs the sandbox crate's own bench and returns its table.
pub(super) fn measure() -> anyhow::Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace::root())
        .args([
            "bench",
            "--quiet",
            "-p",
            "lambkin-sandbox",
            "--bench",
            "creation",
            "--features",
            "profile",
        ])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the bench of sandboxes failed");
    Ok(format!("\n{}", String::from_utf8(output.stdout)?))
}
