//! `cargo xtask bench`: latency, throughput, cold starts and memory, each beside a floor of the same run.
//!
//! Rounds are interleaved (floor, then each function) and every ratio is taken inside its round; the
//! medians over the rounds are printed, so that a machine whose speed drifts does not decide a figure.

mod cold;
mod connection;
mod deploy;
mod echo;
mod floors;
mod load;
mod memory;
mod network;
mod request;
mod sandbox;
mod server;
mod statistics;
mod warm;

use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::stage::command;
use crate::workspace;

pub(crate) use echo::serve as serve_echo;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Interleaved rounds; medians of their figures are printed.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of load for each warm figure of a round.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// One table alone.
    #[arg(long)]
    only: Option<Table>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Table {
    Network,
}

/// Builds the release binary, runs every table and keeps what was printed under `benches/runs/`.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(
        Command::new(cargo)
            .current_dir(workspace::root())
            .args(["build", "--release"]),
    )?;
    if let Some(Table::Network) = options.only {
        let report = network::measure(options.rounds)?;
        println!("{report}");
        return keep(&report);
    }
    let sandboxes = sandbox::measure()?;
    let server = server::Server::start()?;
    let functions = deploy::functions(&server)?;
    let span = Duration::from_secs(options.seconds);
    let mut report = warm::measure(&server, &functions, options.rounds, span)?;
    report += &cold::measure(&server, options.rounds)?;
    report += &memory::measure(&server, &functions)?;
    drop(server);
    report += &network::measure(options.rounds)?;
    report += &sandboxes;
    println!("\n{report}");
    keep(&report)
}

fn keep(report: &str) -> anyhow::Result<()> {
    let folder = workspace::root().join("benches/runs");
    std::fs::create_dir_all(&folder)?;
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs();
    let file = folder.join(format!("{seconds}.txt"));
    std::fs::write(&file, report).with_context(|| format!("cannot write {}", file.display()))
}
