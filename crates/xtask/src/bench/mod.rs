//! `cargo xtask bench`: the whole bar in one interleaved run, each figure beside the floor or peer of its round.
//!
//! Every round measures every row, and every ratio is taken inside its round; the medians over the rounds are
//! printed, so that a machine whose speed drifts does not decide a figure. What cannot be measured is told.

mod bars;
mod connection;
mod deploy;
mod ending;
mod figures;
mod floors;
mod ground;
mod keep;
mod load;
mod packages;
mod peers;
mod plot;
mod processes;
mod report;
mod request;
mod row;
mod rows;
mod server;
mod statistics;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;

use crate::stage::command;
use crate::workspace;
use figures::Figures;
use ground::Ground;
use report::Report;
use row::{Name, Row};

pub(crate) use floors::echo::serve as serve_echo;
pub(crate) use floors::relay::serve as serve_relay;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Interleaved rounds; medians of their figures are printed.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of load for each warm figure of a round.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// These rows alone; may be given several times.
    #[arg(long)]
    only: Vec<Name>,
    /// Installs packaged peers into the build folder and measures them in the same rounds.
    #[arg(long)]
    peers: bool,
    /// Measures this server instead of building one, with this program's own build as its floors.
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// Builds what is measured and its floors, and runs the built bench; `--binary` is what that one gets.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(binary) = &options.binary {
        return measure(options, binary);
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(Command::new(cargo).current_dir(workspace::root()).args([
        "build",
        "--release",
        "-p",
        "lambkin",
        "-p",
        "xtask",
    ]))?;
    let built = workspace::target().join("release");
    // In the place of this program, so that whoever ends it ends the bench.
    let error = Command::new(built.join("xtask"))
        .args(std::env::args_os().skip(1))
        .arg("--binary")
        .arg(built.join("lambkin"))
        .exec();
    Err(error).context("cannot start the built bench")
}

fn measure(options: &Options, binary: &Path) -> anyhow::Result<()> {
    ending::end_children_with_this_program()?;
    let facts = keep::facts(options, binary);
    let mut run = Run::default();
    let interleaved = options.chosen(&Name::INTERLEAVED);
    if !interleaved.is_empty() {
        let span = Duration::from_secs(options.seconds);
        let ground = Ground::lay(binary, span, options.peers)?;
        run.failures.extend(ground.peers.failures.iter().cloned());
        run.interleaved(&ground, &interleaved, options.rounds);
    }
    // Afterwards, when their servers have the machine to themselves.
    for name in options.chosen(&Name::ALONE) {
        run.alone(name, binary, options.rounds);
    }
    let report = Report::new(run.figures, run.failures, facts, run.extra);
    println!("\n{}", report.text());
    keep::keep(&report)
}

impl Options {
    fn chosen(&self, names: &[Name]) -> Vec<Name> {
        let wanted = |name: &Name| self.only.is_empty() || self.only.contains(name);
        names.iter().copied().filter(wanted).collect()
    }
}

/// How long the machine is looked at before a round, while nothing of the bench does anything.
const LOOK: Duration = Duration::from_secs(1);

/// What was measured so far; a row that fails is told, and the others go on.
#[derive(Default)]
struct Run {
    figures: Figures,
    failures: Vec<(String, String)>,
    extra: String,
}

impl Run {
    fn interleaved(&mut self, ground: &Rc<Ground>, names: &[Name], rounds: u32) {
        let mut rows: Vec<(Name, Box<dyn Row>)> = Vec::new();
        for name in names.iter().copied() {
            match rows::prepare(name, ground) {
                Ok(row) => rows.push((name, row)),
                Err(error) => self.failed(name, &error),
            }
        }
        for round in 0..rounds {
            let busy = processes::busy_percent(LOOK);
            self.figures
                .push(round, "machine/busy-with-others/percent", busy);
            for (name, row) in &mut rows {
                println!("round {} of {rounds}: {}", round + 1, name.word());
                if let Err(error) = row.round(round, &mut self.figures) {
                    self.failed(*name, &error);
                }
            }
        }
    }

    fn alone(&mut self, name: Name, binary: &Path, rounds: u32) {
        println!("alone: {}", name.word());
        let done = match name {
            Name::Memory => rows::measure_memory(binary, &mut self.figures),
            Name::Frozen => rows::measure_frozen(binary, &mut self.figures),
            _ => rows::measure_network(binary, rounds).map(|table| self.extra += &table),
        };
        if let Err(error) = done {
            self.failed(name, &error);
        }
    }

    fn failed(&mut self, name: Name, error: &anyhow::Error) {
        println!("{} failed: {error:#}", name.word());
        self.failures.push((name.word(), format!("{error:#}")));
    }
}
