//! The project's own chores: `cargo xtask test | fuzz | guest | tidy | codegen | bench`.

mod bench;
mod beside;
mod codegen;
mod fuzz;
mod guest;
mod setup;
mod stage;
mod test;
mod tidy;
mod workspace;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need and run them all.
    Test(test::Options),
    /// Feed the parsers of hostile input with ever new input, ten minutes each.
    Fuzz(fuzz::Options),
    /// Check control groups of version 2 and the systemd units in an emulated machine.
    Guest(guest::Options),
    /// Hold the tree against the crate rules and the house rules.
    Tidy,
    /// Generate the AWS wire types from the pinned service model.
    Codegen {
        /// Compare with what is checked in instead of writing.
        #[arg(long)]
        check: bool,
    },
    /// Measure latency, throughput, cold starts and memory beside floors of the same run.
    Bench(bench::Options),
    /// The bench's floor of the warm path; started by `bench`.
    #[command(hide = true)]
    Echo,
    /// The bench's floor of an invoke; started by `bench`.
    #[command(hide = true)]
    Relay { program: PathBuf, copies: usize },
}

fn main() -> anyhow::Result<()> {
    match Args::parse().chore {
        Chore::Test(options) => test::run(&options),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::Guest(options) => guest::run(&options),
        Chore::Tidy => tidy::run(),
        Chore::Codegen { check } => codegen::run(check),
        Chore::Bench(options) => bench::run(&options),
        Chore::Echo => bench::serve_echo(),
        Chore::Relay { program, copies } => bench::serve_relay(&program, copies),
    }
}
