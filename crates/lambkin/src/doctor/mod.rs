//! `lambkin doctor`: what this machine can give to functions, and whether a sandbox keeps its promises on it.
//!
//! ```text
//! kernel, limits, port, disk, clock, interpreters ─▶ spawner ─▶ what is missing ─▶ self-test in a real sandbox
//! ```
//! Owns the checks, one subject per file, and how they are told. Refuses to change anything: what it makes is
//! gone when it ends, and a server that runs beside it is not disturbed.

mod clock;
mod disk;
mod finding;
mod interpreters;
mod kernel;
mod limits;
mod network;
mod port;
mod sandbox;

use std::io::Write;
use std::process::ExitCode;

use crate::settings::{Flags, Settings};
use finding::{Finding, State};

/// What `doctor --help` says below the flags.
pub(crate) const HELP: &str = "Exit status: 0 when nothing fails, 1 when something does; with --production also \
    when anything is missing. Run it as the user, and with the settings, that the server will have.";

/// The command's arguments.
#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    flags: Flags,
}

/// Runs every check.
pub(crate) fn run(doctor: &Doctor) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(&doctor.flags)?;
    let mut findings = kernel::check();
    findings.extend(limits::check(&settings));
    findings.push(port::check(&settings));
    findings.extend(disk::check(&settings));
    findings.push(clock::check());
    findings.extend(interpreters::check(&settings));
    // Last: it starts threads, and what it makes needs a process without any.
    findings.extend(sandbox::check(&settings));
    let mut out = std::io::stdout().lock();
    if doctor.json {
        writeln!(out, "{}", finding::json(&findings)?)?;
    } else {
        out.write_all(finding::text(&findings).as_bytes())?;
    }
    let accepted = |finding: &Finding| match finding.state {
        State::Good => true,
        State::Missing => !settings.production,
        State::Failed => false,
    };
    Ok(match findings.iter().all(accepted) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
