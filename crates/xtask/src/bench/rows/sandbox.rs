//! A sandboxed `true`, from the wish to its end: ours, and where asked for bubblewrap's and runc's.
//!
//! Name spaces go after their last program: what the kernel then does is in nobody's figure, but told for ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::bench::figures::Figures;
use crate::bench::ground::Ground;
use crate::bench::row::Row;
use crate::bench::statistics::median;
use crate::workspace;

/// Of each maker in a round.
const STARTS: usize = 20;

pub(super) struct Sandbox {
    /// The sandbox crate's own bench, which is its own spawner.
    ours: PathBuf,
    ground: Rc<Ground>,
}

impl Sandbox {
    pub(super) fn prepare(ground: Rc<Ground>) -> anyhow::Result<Self> {
        Ok(Self {
            ours: build()?,
            ground,
        })
    }
}

impl Row for Sandbox {
    fn round(&mut self, round: u32, figures: &mut Figures) -> anyhow::Result<()> {
        for (name, value) in starts(&self.ours, &[])? {
            figures.push(round, format!("sandbox/{name}"), value);
        }
        for container in &self.ground.peers.containers {
            let mut times = Vec::new();
            for number in 0..STARTS {
                let mut command = container.command(number);
                let start = Instant::now();
                let output = command.stdin(Stdio::null()).output()?;
                times.push(start.elapsed().as_secs_f64() * 1_000.0);
                let said = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "{}: {said}", container.name());
            }
            figures.push(
                round,
                format!("sandbox/{}/ms", container.name()),
                median(&times),
            );
        }
        Ok(())
    }
}

/// Runs the sandbox crate's bench once, and returns its figures by name.
pub(super) fn starts(bench: &Path, words: &[&str]) -> anyhow::Result<Vec<(String, f64)>> {
    let output = Command::new(bench)
        .args(["true", &STARTS.to_string()])
        .args(words)
        .output()?;
    // Its table of steps is for whoever runs it alone.
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the bench of sandboxes failed: {said}"
    );
    let text = String::from_utf8(output.stdout)?;
    let lines = text.lines().filter_map(|line| line.strip_prefix("figure "));
    let figures = lines.map(|line| {
        let (name, value) = line.split_once(' ').context("no figure")?;
        Ok((name.to_owned(), value.trim().parse()?))
    });
    figures.collect()
}

/// Builds the sandbox crate's bench as cargo would run it, and tells where it is.
pub(super) fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace::root())
        .args(["bench", "--no-run", "--quiet", "-p", "lambkin-sandbox"])
        .args(["--bench", "creation", "--features", "profile"])
        .args(["--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "the bench of sandboxes does not build"
    );
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "creation")
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
        .context("cargo told of no program")
}
