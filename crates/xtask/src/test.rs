//! `cargo xtask test`: set-up, unit and integration tests, and the end-to-end suite, in one profile.
//!
//! The emulated guest leaves much of two cores idle, so what only compiles or computes runs beside it; tests that
//! look at clocks, loads or the machine's control groups have the machine to themselves.

use std::process::Command;
use std::thread;

use crate::guest::Guest;
use crate::stage::{Stages, command};
use crate::{beside, guest, setup, workspace};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the end-to-end tests whose names match this pytest expression.
    #[arg(long, value_name = "EXPRESSION")]
    only: Option<String>,
    /// Also the lints, at a time when a core is idle.
    #[arg(long, conflicts_with = "only")]
    lints: bool,
}

/// Runs every stage even when an earlier one failed, and fails if any did.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let stages = Stages::default();
    let ready = stages.run("set up", setup::run);
    if let Some(expression) = &options.only {
        if ready && stages.run("build", build) {
            stages.run("end-to-end tests", || end_to_end(Some(expression)));
        }
        return stages.finish();
    }
    let (guest, built) = build_beside_guest(&stages, ready);
    thread::scope(|scope| {
        scope.spawn(|| beside::run(&stages, ready, options.lints));
        if let (Some(guest), true) = (guest, built) {
            stages.run("guest with cgroup v2", || {
                guest.run(&guest::Options::default())
            });
        }
    });
    stages.run("unit and integration tests", cargo_tests);
    stages.run("attacks with one layer off", weakened_tests);
    if ready && built {
        stages.run("end-to-end tests", || end_to_end(None));
    }
    stages.finish()
}

/// Builds this tree while the guest, where this machine can have one, is made.
fn build_beside_guest(stages: &Stages, ready: bool) -> (Option<Guest>, bool) {
    let unsupported = guest::unsupported();
    if let Some(reason) = &unsupported {
        println!("\n== guest with cgroup v2 left out: {reason}");
    }
    let mut guest = None;
    let built = thread::scope(|scope| {
        if ready && unsupported.is_none() {
            scope.spawn(|| {
                stages.run("guest's file system", || {
                    guest = Some(guest::prepare()?);
                    Ok(())
                })
            });
        }
        stages.run("build", build)
    });
    (guest, built)
}

pub(crate) fn cargo() -> Command {
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

/// The attacks with one layer off. Of the whole workspace, so that third parties' crates have the features that they are built with already.
pub(crate) const WEAKENED: [&str; 6] = [
    "test",
    "--workspace",
    "--test",
    "sandbox",
    "--features",
    "lambkin-sandbox/weaken",
];

fn weakened_tests() -> anyhow::Result<()> {
    command(cargo().args(WEAKENED))
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
    pytest.env("LAMBKIN_FIXTURES", beside::packages());
    command(&mut pytest)
}
