//! The binary: which of its lives this process has.
//!
//! ```text
//! lambkin __spawner   the small process that makes sandboxes (executed by `serve`, before it has a thread)
//! lambkin serve       the server
//! lambkin doctor      looks at the machine, and starts itself inside a sandbox as `__self-test`
//! lambkin <command>   a client of a server
//! ```

mod credentials;
mod doctor;
mod log;
mod serve;
mod settings;
mod stop;
mod user;

use clap::{CommandFactory, Parser, Subcommand};
use std::io::Write;
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
    /// Check what this machine can give, and try a sandbox's promises
    #[command(after_help = doctor::HELP)]
    Doctor(Box<doctor::Doctor>),
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
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    if let Some(ended) = lambkin_sandbox::run_self_test(&arguments) {
        return ended;
    }
    let line = Line::parse();
    let ended = match line.command {
        Command::Serve(flags) => serve::run(&flags),
        Command::Doctor(doctor) => doctor::run(&doctor),
        Command::Client(command) => lambkin_cli::run(command, line.globals, Line::command()),
    };
    ended.unwrap_or_else(|error| {
        // `eprintln!` would panic where nobody reads; the status tells it still.
        let _ = writeln!(std::io::stderr(), "lambkin: {error:#}");
        ExitCode::FAILURE
    })
}
