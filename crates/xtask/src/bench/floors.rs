//! The floors of a cold start: a start of the very interpreter that runs the function.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use lambkin_wire::admin::{RUNTIMES, RuntimeLine};

use super::connection::Connection;
use super::deploy::Language;
use super::request;
use super::server::Server;

/// A program whose bare start a cold start is measured against.
pub(super) struct Floor {
    program: PathBuf,
    arguments: &'static [&'static str],
}

impl Floor {
    /// The very interpreter that the server starts for the language's runtime, or for the nearest that it has.
    pub(super) fn interpreter(
        server: &Server,
        language: Language,
        arguments: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        let request = request::signed(server, "GET", RUNTIMES, b"")?;
        let mut connection = Connection::open(server.address)?;
        let (_, body) = connection.call(&request)?;
        let found: Vec<RuntimeLine> = serde_json::from_slice(body)?;
        let exact = found.iter().find(|line| line.runtime == language.runtime());
        let of_language = |line: &&RuntimeLine| line.runtime.starts_with(language.name());
        let line = exact.or_else(|| found.iter().find(of_language));
        let line = line.with_context(|| format!("the server has no {}", language.name()))?;
        Ok(Self {
            program: PathBuf::from(&line.path),
            arguments,
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
