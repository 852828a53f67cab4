//! `cargo xtask test`: set-up, unit and integration tests, and the end-to-end suite, in one profile.

use std::process::Command;

use crate::stage::{Stages, command};
use crate::{fuzz, guest, setup, workspace};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the end-to-end tests whose names match this pytest expression.
    #[arg(long, value_name = "EXPRESSION")]
    only: Option<String>,
}

/// Runs every stage even when an earlier one failed, and fails if any did.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut stages = Stages::default();
    let ready = stages.run("set up", setup::run);
    let built = stages.run("build", build);
    if options.only.is_none() {
        stages.run("unit and integration tests", cargo_tests);
        stages.run("attacks with one layer off", weakened_tests);
        stages.run("fuzzing", || fuzz::run(&fuzz::Options::short()));
    }
    if ready && built {
        stages.run("end-to-end tests", || end_to_end(options.only.as_deref()));
    }
    if ready && built && options.only.is_none() {
        match guest::unsupported() {
            None => drop(stages.run("guest with cgroup v2", || {
                guest::run(&guest::Options::default())
            })),
            Some(reason) => println!("\n== guest with cgroup v2 left out: {reason}"),
        }
    }
    stages.finish()
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root());
    cargo
}

fn build() -> anyhow::Result<()> {
    command(cargo().args(["build", "--workspace", "--all-targets"]))
}

fn cargo_tests() -> anyhow::Result<()> {
    command(cargo().args(["test", "--workspace", "--no-fail-fast"]))
}

/// Of the whole workspace, so that third parties' crates have the features that they are built with already.
fn weakened_tests() -> anyhow::Result<()> {
    let weaken = ["--features", "lambkin-sandbox/weaken"];
    command(
        cargo()
            .args(["test", "--workspace", "--test", "sandbox"])
            .args(weaken),
    )
}

fn end_to_end(only: Option<&str>) -> anyhow::Result<()> {
    let mut pytest = Command::new(setup::python());
    pytest
        .current_dir(workspace::root().join("e2e"))
        .args(["-m", "pytest", "-q"]);
    if let Some(expression) = only {
        pytest.args(["-k", expression]);
    }
    pytest.env("LAMBKIN_BIN", workspace::target().join("debug/lambkin"));
    pytest.env("LAMBKIN_FIXTURES", workspace::target().join("fixtures"));
    command(&mut pytest)
}
