//! Sandboxes made by a real spawner, looked at from inside and from outside.
//!
//! This program is its own spawner, as the binary is, so it has a `main` of its own. Each case runs in a
//! process of its own: a spawner must be started before there is a thread, and one case kills its server.
//!
//! `sandbox [--mode root|user|delegated] [--skip NAMES] [FILTER]`: without a mode, every one that whoever starts it can give.

mod allowed;
mod attack;
mod canaries;
mod cases;
mod mode;
mod outside;
mod place;
mod visitor;
mod world;

use std::process::ExitCode;

use mode::{Mode, Run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["__spawner", ..] => lambkin_sandbox::run_spawner(),
        ["__case", mode, name] => run_case(mode, name),
        ["__attack", arguments @ ..] => attack::run(arguments),
        ["__allowed"] => allowed::try_all(),
        ["__canary"] => canaries::process(),
        ["__take_all"] => attack::hoard::take_all(),
        ["__need_each"] => attack::hoard::need_each(),
        ["__visitor", init, name] => visitor::process(init, name),
        ["__neighbour", secret, name, key] => canaries::neighbour(secret, name, key),
        _ => run_all(&words),
    }
}

fn run_case(mode: &str, name: &str) -> ExitCode {
    let all = [cases::ALL, cases::AS_ROOT, cases::INNER, cases::WEAKENED];
    let case = all.into_iter().flatten().find(|(known, _)| *known == name);
    match (Mode::from_name(mode), case) {
        (Some(mode), Some((_, case))) => {
            mode.begin();
            case();
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}

/// Which cases in which modes: part of the names of those to run, and of those to leave out.
struct Choice<'a> {
    modes: Vec<Mode>,
    filter: &'a str,
    skip: Option<&'a str>,
}

impl<'a> Choice<'a> {
    /// Other options are those of the standard harness.
    fn parse(words: &[&'a str]) -> Option<Self> {
        let mut choice = Self {
            modes: Mode::possible(),
            filter: "",
            skip: None,
        };
        if !cases::WEAKENED.is_empty() {
            // What a layer stops it stops in each; one is enough to see that the table tells the truth.
            choice.modes.truncate(1);
        }
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--mode" => choice.modes = vec![Mode::from_name(words.next()?)?],
                "--skip" => choice.skip = Some(words.next()?),
                word if !word.starts_with('-') => choice.filter = word,
                _ => {}
            }
        }
        Some(choice)
    }

    fn takes(&self, name: &str) -> bool {
        name.contains(self.filter) && self.skip.is_none_or(|skip| !name.contains(skip))
    }
}

fn run_all(words: &[&str]) -> ExitCode {
    let Some(choice) = Choice::parse(words) else {
        eprintln!("usage: sandbox [--mode root|user|delegated] [--skip NAMES] [FILTER]");
        return ExitCode::FAILURE;
    };
    let (mut passed, mut failed) = (0, 0);
    for &mode in &choice.modes {
        let run = Run::prepare(mode).expect("the means of a mode");
        let entered = run.enter().expect("its control groups");
        for (name, _) in cases::of(mode).filter(|(name, _)| choice.takes(name)) {
            let status = run.command(name).status();
            let ok = status.is_ok_and(|status| status.success());
            let mode = mode.name();
            println!(
                "test {mode}::{name} ... {}",
                if ok { "ok" } else { "FAILED" }
            );
            *(if ok { &mut passed } else { &mut failed }) += 1;
        }
        drop(entered);
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out\n"
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
