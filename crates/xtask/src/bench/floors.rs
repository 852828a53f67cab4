//! The floors of a cold start: a start of the very interpreter that runs the function.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

/// A program whose bare start a cold start is measured against.
pub(super) struct Floor {
    program: PathBuf,
    arguments: &'static [&'static str],
}

impl Floor {
    pub(super) fn python() -> anyhow::Result<Self> {
        let script = "import sys; print(sys.executable if sys.base_prefix == sys.prefix else sys.base_prefix)";
        Ok(Self {
            program: ask("python3", &["-c", script])?,
            arguments: &["-c", "pass"],
        })
    }

    pub(super) fn node() -> anyhow::Result<Self> {
        Ok(Self {
            program: ask("node", &["-p", "process.execPath"])?,
            arguments: &["-e", "0"],
        })
    }

    /// A static program that does nothing: what `fork` and `exec` cost.
    pub(super) fn program(path: &Path) -> Self {
        Self {
            program: path.to_path_buf(),
            arguments: &[],
        }
    }

    /// Milliseconds from the start to the end of one run.
    pub(super) fn run_ms(&self) -> anyhow::Result<f64> {
        let start = Instant::now();
        let status = Command::new(&self.program)
            .args(self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        ensure!(
            status.code().is_some(),
            "{} was killed",
            self.program.display()
        );
        Ok(start.elapsed().as_secs_f64() * 1_000.0)
    }
}

/// The true path of an interpreter, which a name on the PATH may hide behind a shell script.
fn ask(name: &str, arguments: &[&str]) -> anyhow::Result<PathBuf> {
    let output = Command::new(name)
        .args(arguments)
        .output()
        .with_context(|| format!("no {name}"))?;
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
