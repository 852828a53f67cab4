//! The commands of `lambkin` that are clients of a server, and `dev`, which starts one.
//!
//! Owns: what a command takes, sends and prints. Refuses: to reach into the server: everything goes
//! through its HTTP API, signed; and to speak with AWS itself.

mod client;
mod completions;
mod credentials;
mod dev;
mod egress;
mod endpoint;
mod functions;
mod globals;
mod interpreter;
mod invoke;
mod ledger;
mod logs;
mod profile;
mod runtimes;
mod sdk;
mod table;
mod terminal;
mod time;
mod tool;
mod why_slow;

use std::io;
use std::process::ExitCode;

use clap::Subcommand;

pub use globals::{Color, Globals, Output};

/// The commands, as the binary's command line takes them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Deploy, invoke and watch the SAM functions of a folder
    Dev(dev::Dev),
    /// Invoke a function; its answer goes to stdout, its log to stderr
    Invoke(invoke::Invoke),
    /// Show or follow a function's log
    Logs(logs::Logs),
    /// Show and change what a function may reach
    Egress(egress::Egress),
    /// Requests, GB-seconds and money, per function
    Ledger(ledger::Ledger),
    /// Where the time of a function's last cold start went, and what to do about it
    WhySlow(why_slow::WhySlow),
    /// List, show and delete functions
    #[command(subcommand)]
    Functions(functions::Functions),
    /// List interpreters; install the AWS SDKs that functions import without shipping
    #[command(subcommand)]
    Runtimes(runtimes::Runtimes),
    /// Print a completion script for a shell
    Completions(completions::Completions),
}

/// Runs one command; `line` is the whole command line's description, which completions are made of.
///
/// # Errors
/// Says what went wrong, why and what to do. A reader that closed our stdout is no error.
pub fn run(command: Command, globals: Globals, line: clap::Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(dispatch(command, &globals, line));
    // A read of stdin or a build step that still blocks must not hold the process.
    runtime.shutdown_background();
    match ended {
        Err(error) if is_closed_stdout(&error) => Ok(ExitCode::SUCCESS),
        ended => ended,
    }
}

async fn dispatch(
    command: Command,
    globals: &Globals,
    line: clap::Command,
) -> anyhow::Result<ExitCode> {
    match command {
        Command::Dev(dev) => Box::pin(dev.run(globals)).await,
        Command::Invoke(invoke) => invoke.run(globals).await,
        Command::Logs(logs) => logs.run(globals).await,
        Command::Egress(egress) => egress.run(globals).await,
        Command::Ledger(ledger) => ledger.run(globals).await,
        Command::WhySlow(why_slow) => why_slow.run(globals).await,
        Command::Functions(functions) => functions.run(globals).await,
        Command::Runtimes(runtimes) => runtimes.run(globals).await,
        Command::Completions(completions) => completions.run(line),
    }
}

fn is_closed_stdout(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
