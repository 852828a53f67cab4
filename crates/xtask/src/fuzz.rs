//! `cargo xtask fuzz`: runs the targets in `fuzz/` for a while, with what they once found of interest as a start.
//!
//! The stable toolchain has no sanitizers; the targets find panics, broken promises, hangs and floods of memory.
//! New inputs stay in the build folder; who wants to keep one copies it to `fuzz/corpus/<target>`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use anyhow::{Context, bail};

use crate::stage::command;
use crate::workspace;

const CARGO_FUZZ: &str = "0.13.2";
const SECONDS: u32 = 600;
/// In the test suite.
const SHORT_SECONDS: u32 = 30;
/// At one time: libFuzzer has one thread, and CI's machine two cores.
const AT_ONCE: usize = 2;
/// Longest that one input may take; the slowest of the kept ones takes a hundredth of a second.
const TIMEOUT_S: u32 = 10;
/// Most memory of a target; they use a tenth of it.
const MEMORY_MIB: u32 = 1024;
/// What is shown of the log of a target that failed.
const SHOWN_BYTES: usize = 4_000;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs.
    #[arg(long, default_value_t = SECONDS)]
    seconds: u32,
    /// Only these targets.
    targets: Vec<String>,
}

impl Options {
    /// What the test suite does.
    pub(crate) fn short() -> Self {
        Self {
            seconds: SHORT_SECONDS,
            targets: Vec::new(),
        }
    }
}

/// Builds the targets, runs them two at a time, and fails if any found something.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    install()?;
    let known = targets()?;
    if let Some(unknown) = options.targets.iter().find(|name| !known.contains(name)) {
        bail!("no target {unknown}: there are {}", known.join(", "));
    }
    command(cargo_fuzz("build")?.arg("--fuzz-dir").arg(folder()))?;
    let chosen = if options.targets.is_empty() {
        known
    } else {
        options.targets.clone()
    };
    let failed = run_all(chosen, options.seconds);
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("{} failed", failed.join(", "))
    }
}

fn run_all(targets: Vec<String>, seconds: u32) -> Vec<String> {
    let queue = Mutex::new(targets.into_iter());
    let failed = Mutex::new(Vec::new());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(target) = next() {
                    if let Err(error) = run_one(&target, seconds) {
                        println!("{target}: {error:#}");
                        failed
                            .lock()
                            .into_iter()
                            .for_each(|mut f| f.push(target.clone()));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_default()
}

fn run_one(target: &str, seconds: u32) -> anyhow::Result<()> {
    let found = build_folder().join("found").join(target);
    fs::create_dir_all(&found)?;
    let log = build_folder().join(format!("{target}.log"));
    let output = File::create(&log)?;
    let status = cargo_fuzz("run")?
        .arg("--fuzz-dir")
        .arg(folder())
        .arg(target)
        // New inputs go to the first folder.
        .arg(&found)
        .arg(folder().join("corpus").join(target))
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT_S}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if status.success() {
        let done = text.lines().rfind(|line| line.starts_with("Done "));
        println!("{target}: {}", done.context("it ended without a word")?);
        return Ok(());
    }
    let start = text.len().saturating_sub(SHOWN_BYTES);
    let shown = text.get(text.ceil_char_boundary(start)..);
    println!("{}", shown.unwrap_or_default());
    bail!("ended with {status}; the whole log is {}", log.display())
}

/// The names of the targets, which are those of their files.
fn targets() -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("fuzz_targets"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "rs") {
            let stem = path.file_stem().unwrap_or_default();
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Fetches and builds cargo-fuzz, once for each build folder.
fn install() -> anyhow::Result<()> {
    if tools().join("bin/cargo-fuzz").exists() {
        return Ok(());
    }
    let mut cargo = Command::new(cargo());
    cargo
        .args(["install", "--quiet", "--locked", "cargo-fuzz", "--version"])
        .arg(CARGO_FUZZ)
        .arg("--root")
        .arg(tools());
    command(&mut cargo)
}

fn cargo_fuzz(verb: &str) -> anyhow::Result<Command> {
    let mut path = vec![tools().join("bin")];
    path.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let mut cargo = Command::new(cargo());
    cargo
        .env("PATH", std::env::join_paths(path)?)
        .args(["fuzz", verb, "--sanitizer", "none", "--target-dir"])
        .arg(build_folder())
        .current_dir(folder());
    Ok(cargo)
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| Path::new("cargo").to_owned(), PathBuf::from)
}

fn folder() -> PathBuf {
    workspace::root().join("fuzz")
}

fn build_folder() -> PathBuf {
    workspace::target().join("fuzz")
}

fn tools() -> PathBuf {
    workspace::target().join("tools")
}
