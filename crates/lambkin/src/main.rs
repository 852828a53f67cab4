//! The binary: which of its three lives this process has.
//!
//! ```text
//! lambkin __spawner   the small process that makes sandboxes (executed by `serve`, before it has a thread)
//! lambkin serve       the server
//! lambkin <command>   a client of a server
//! ```

mod credentials;
mod serve;
mod settings;
mod user;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

#[cfg(not(target_os = "linux"))]
compile_error!("Lambkin runs on Linux (and WSL2): it is made of Linux sandboxes.");

/// Runs AWS Lambda functions on your own machines, unmodified.
#[derive(Parser)]
#[command(name = "lambkin", version, max_term_width = 100)]
struct Line {
    #[command(flatten)]
    globals: lambkin_cli::Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    #[command(after_help = serve::HELP)]
    Serve(Box<settings::Flags>),
    #[command(flatten)]
    Client(lambkin_cli::Command),
}

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "__spawner")
    {
        return lambkin_sandbox::run_spawner();
    }
    let line = Line::parse();
    let ended = match line.command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Client(command) => lambkin_cli::run(command, line.globals, Line::command()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("lambkin: {error:#}");
        ExitCode::FAILURE
    })
}
