//! The floors of a cold start: a start of the very interpreter that runs the function.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use lambkin_wire::admin::{RUNTIMES, RuntimeLine};

use crate::bench::connection::Connection;
use crate::bench::deploy::Language;
use crate::bench::packages;
use crate::bench::request;
use crate::bench::server::Server;

/// A program whose bare start a cold start is measured against.
pub(crate) struct Floor {
    program: PathBuf,
    arguments: &'static [&'static str],
}

impl Floor {
    /// The bare start that a first invoke is measured against.
    pub(crate) fn of(server: &Server, language: Language) -> anyhow::Result<Self> {
        match language {
            Language::Python => Self::interpreter(server, language, &["-c", "pass"]),
            Language::Node => Self::interpreter(server, language, &["-e", "0"]),
            Language::Rust => Ok(Self {
                program: packages::static_hello()?,
                arguments: &[],
            }),
        }
    }

    /// The very interpreter that the server starts for the language's runtime, or for the nearest that it has.
    pub(crate) fn interpreter(
        server: &Server,
        language: Language,
        arguments: &'static [&'static str],
    ) -> anyhow::Result<Self> {
        let request = request::signed(server, "GET", RUNTIMES, b"")?;
        let mut connection = Connection::open(server.address)?;
        let (_, body) = connection.call(&request)?;
        let found: Vec<RuntimeLine> = serde_json::from_slice(body)?;
        let exact = found.iter().find(|line| line.runtime == language.runtime());
        let of_language = |line: &&RuntimeLine| line.runtime.starts_with(language.word());
        let line = exact.or_else(|| found.iter().find(of_language));
        let line = line.with_context(|| format!("the server has no {}", language.word()))?;
        Ok(Self {
            program: PathBuf::from(&line.path),
            arguments,
        })
    }

    /// The program itself.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Starts it; `Command` uses what shares memory until `exec`.
    pub(crate) fn start(&self) -> anyhow::Result<Child> {
        Command::new(&self.program)
            .args(self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))
    }

    /// Milliseconds from the start to the end of one run.
    pub(crate) fn run_ms(&self) -> anyhow::Result<f64> {
        let start = Instant::now();
        let status = self.start()?.wait()?;
        ensure!(
            status.code() == Some(0),
            "{} ended with {status}",
            self.program.display()
        );
        Ok(start.elapsed().as_secs_f64() * 1_000.0)
    }
}
