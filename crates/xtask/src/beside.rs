//! What the tests do while the emulated guest runs: lints, builds of what later stages run, and fuzzing. None of it
//! looks at a clock, and all of it stands back for the guest, whose checks do.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{getpriority_process, setpriority_process};

use crate::stage::{Stages, command};
use crate::test::{WEAKENED, cargo};
use crate::{fuzz, workspace};

/// Niceness: a sixtieth of what the guest gets where both want a core. Emulated, clones take nearly all of the time that
/// they may.
const NICE: i32 = 19;

/// To be run in a thread of its own, which stays nice, as do the programs that it starts.
pub(crate) fn run(stages: &Stages, set_up: bool, lints: bool) {
    stand_back();
    if lints {
        stages.run("lints", clippy);
    }
    stages.run("build of the weakened sandbox", || {
        command(cargo().args(WEAKENED).arg("--no-run"))
    });
    if set_up {
        stages.run("packages of official clients", build_packages);
    }
    stages.run("fuzzing", || fuzz::run(&fuzz::Options::short()));
}

/// To Linux a thread's niceness is its own, and its children's.
fn stand_back() {
    if getpriority_process(None).is_ok_and(|own| own < NICE) {
        // Without it the guest is slower.
        let _ = setpriority_process(None, NICE);
    }
}

fn clippy() -> anyhow::Result<()> {
    let lints = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    command(cargo().args(lints))
}

/// Where the end-to-end tests look for them; those that are missing they build themselves.
pub(crate) fn packages() -> PathBuf {
    workspace::target().join("fixtures")
}

fn build_packages() -> anyhow::Result<()> {
    for recipe in fs::read_dir(workspace::root().join("e2e/fixtures"))? {
        let recipe = recipe?;
        let mut package = packages().join(recipe.file_name());
        package.set_extension("zip");
        if !package.exists() {
            command(
                Command::new("sh")
                    .arg(recipe.path().join("build.sh"))
                    .arg(package),
            )?;
        }
    }
    Ok(())
}
