//! The files of a run, named by date and commit: a table to read, the same as JSON, and plots.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::report::Report;
use super::{Options, plot};
use crate::workspace;

/// About the machine and the run.
pub(super) fn facts(options: &Options, binary: &Path) -> Vec<(&'static str, String)> {
    let chosen = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    vec![
        (
            "date",
            jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        ),
        ("commit", commit()),
        ("binary", binary.display().to_string()),
        ("rounds", options.rounds.to_string()),
        ("seconds of load", options.seconds.to_string()),
        ("peers", options.peers.to_string()),
        ("cores", cores.to_string()),
        ("processor", chosen(&read("/proc/cpuinfo"), "model name")),
        ("memory", chosen(&read("/proc/meminfo"), "MemTotal")),
        (
            "kernel",
            read("/proc/sys/kernel/osrelease").trim().to_owned(),
        ),
        ("load before", read("/proc/loadavg").trim().to_owned()),
    ]
}

/// The commit of the checkout, with a plus where something was changed since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .current_dir(workspace::root())
            .args(arguments)
            .output();
        output
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .unwrap_or_default()
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    git(&["rev-parse", "--short", "HEAD"]) + if changed { "+" } else { "" }
}

/// Writes below `benches/runs/`, beside earlier runs of the same commit and day.
pub(super) fn keep(report: &Report) -> anyhow::Result<()> {
    let folder = workspace::root().join("benches/runs");
    std::fs::create_dir_all(&folder)?;
    let stem = (1..)
        .map(|number| match number {
            1 => report.name(),
            number => format!("{}-{number}", report.name()),
        })
        .find(|stem| !folder.join(format!("{stem}.json")).exists())
        .context("no name is left")?;
    let json = serde_json::to_string_pretty(&report.json())?;
    for (ending, content) in [
        ("json", json),
        ("txt", report.text()),
        ("bar.svg", plot::bar(report)),
        ("warm.svg", plot::warm(report)),
    ] {
        let file = folder.join(format!("{stem}.{ending}"));
        std::fs::write(&file, content)
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}
