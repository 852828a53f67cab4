//! `lambkin why-slow NAME`: where the time of a function's last start went: as a table, as a picture, and in one line
//! that says what to do about the largest part.

mod advice;
mod parts;
mod picture;
mod text;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use lambkin_wire::admin::Starts;

use crate::globals::Globals;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct WhySlow {
    /// Function: its name, name:version, or ARN
    name: String,
    /// Print the last starts as JSON, as `--output json` does
    #[arg(long)]
    json: bool,
    /// Also draw the last start into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl WhySlow {
    pub(crate) async fn run(self, globals: &Globals) -> anyhow::Result<ExitCode> {
        let found = globals.client()?.starts(&self.name).await?;
        if let Some(file) = &self.svg {
            draw(&found, file)?;
        }
        let text = match self.json || globals.json() {
            true => serde_json::to_string(&found)?,
            false => text::shown(&found),
        };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    }
}

fn draw(found: &Starts, file: &Path) -> anyhow::Result<()> {
    let Some(last) = found.starts.first() else {
        bail!("{}", text::none_known(&found.function));
    };
    let picture = picture::drawn(&found.function, last);
    std::fs::write(file, picture).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod testing {
    use lambkin_wire::admin::{ProgramStart, StartLine, StartModule, Starts};

    fn module(name: &str, start_us: u64, total_us: u64, self_us: u64, depth: u8) -> StartModule {
        StartModule {
            name: name.into(),
            start_us,
            total_us,
            self_us,
            depth,
        }
    }

    /// A start of 400 ms, three quarters of it for one module.
    pub(super) fn start() -> StartLine {
        let modules = vec![
            module("index", 0, 340_000, 40_000, 0),
            module("heavy", 10_000, 290_000, 30_000, 1),
            module("heavy.core", 20_000, 260_000, 260_000, 2),
            module("json", 5_000, 4_000, 4_000, 1),
        ];
        StartLine {
            at_ms: 0,
            request_id: "r-1".into(),
            start: "cold".into(),
            outcome: "success".into(),
            total_us: 400_000,
            queue_us: 100,
            code_us: 900,
            sandbox_us: 2_500,
            mounts_us: 500,
            failed_init_us: 0,
            program_us: 356_000,
            handler_us: 40_000,
            program: Some(ProgramStart {
                interpreter_us: 14_000,
                bootstrap_us: 2_000,
                imports_us: 300_000,
                init_us: 40_000,
                modules,
            }),
        }
    }

    pub(super) fn starts(starts: Vec<StartLine>) -> Starts {
        Starts {
            function: "f".into(),
            starts,
        }
    }
}
