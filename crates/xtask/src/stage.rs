//! Named stages of a chore: each is announced, timed and may fail without hiding the others; two may run at a time.

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// What became of each stage, in the order of their ends.
#[derive(Default)]
pub(crate) struct Stages {
    done: Mutex<Vec<Done>>,
}

/// A stage's name, how long it took, and why it failed.
type Done = (String, Duration, Option<String>);

impl Stages {
    /// Runs one stage; a failure is kept for the end.
    pub(crate) fn run(&self, name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> bool {
        println!("\n== {name}");
        let start = Instant::now();
        let failure = work().err().map(|error| format!("{error:#}"));
        if let Some(text) = &failure {
            println!("== {name} FAILED: {text}");
        }
        let passed = failure.is_none();
        self.done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name.to_owned(), start.elapsed(), failure));
        passed
    }

    /// Prints each stage's minutes and fails if any stage did.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        println!("\nstage                          minutes");
        let done = self
            .done
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        for (name, took, failure) in &done {
            let mark = if failure.is_some() { "  FAILED" } else { "" };
            println!("{name:<30} {:>7.1}{mark}", took.as_secs_f64() / 60.0);
        }
        let failed: Vec<_> = done
            .iter()
            .filter(|s| s.2.is_some())
            .map(|s| s.0.as_str())
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            bail!("failed: {}", failed.join(", "))
        }
    }
}

/// Runs a command to its end; anything but success is an error that shows the command.
pub(crate) fn command(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {command:?}"))?;
    if status.success() {
        Ok(())
    } else {
        bail!("{command:?} ended with {status}")
    }
}
