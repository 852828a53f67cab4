//! `lambkin completions SHELL`.

use std::io::Write;
use std::process::ExitCode;

use clap_complete::Shell;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// Shell to complete in
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, mut line: clap::Command) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut line, "lambkin", &mut script);
        std::io::stdout().write_all(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
