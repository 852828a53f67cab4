//! The network of functions beside the bare one between the same two name spaces: connects, throughput, and a
//! thousand environments with an open connection each; and what it adds to the start of a sandbox.

mod world;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use self::world::{FAR_ADDRESS, FAR_PORT, World};
use super::sandbox;
use crate::bench::connection::Connection;
use crate::bench::deploy::{self, Function};
use crate::bench::packages;
use crate::bench::server::{Server, Setup, User};
use crate::bench::statistics::{median, median_ratio};

const CONNECTS: &str = "2000";
const SEND_MS: &str = "1000";
const ENVIRONMENTS: usize = 1_000;
/// Long enough that all of them are there before the first one ends.
const HOLD_MS: &str = "20000";

/// As the sandbox crate's bench names them: from the wish for a sandbox to the end of its program, and the same in one
/// that is there already, as a pooled one is.
const STARTS: [(&str, &str); 2] = [
    ("lambkin/ms", "a sandboxed true"),
    ("lambkin-once-made/ms", "true in a sandbox that is made"),
];

/// Measures as root and as an ordinary user and returns the table.
pub(crate) fn measure(binary: &Path, rounds: u32) -> anyhow::Result<String> {
    let probe = build()?;
    let world = World::make(&probe)?;
    let mut table = String::from(
        "\nnetwork                    connect µs    bare µs   ratio   MB/s sent       bare   ratio\n",
    );
    let mut crowd = String::new();
    for user in [User::Starting, User::Ordinary] {
        world.on_the_machine(|| {
            let server = Server::start(Setup {
                binary,
                name: "network",
                user,
                arguments: &[],
            })?;
            let function = deploy::program(&server, "network", &std::fs::read(&probe)?, 1_769)?;
            row(&mut table, user, &server, &function, &probe, rounds)?;
            if user == User::Starting {
                crowd = at_once(&server, &probe)?;
            }
            Ok(())
        })?;
    }
    Ok(table + &crowd + &added_to_a_start(rounds)?)
}

/// A sandboxed `true` with the network and without, in turns.
fn added_to_a_start(rounds: u32) -> anyhow::Result<String> {
    let bench = sandbox::build()?;
    let mut turns = Vec::new();
    for _ in 0..rounds {
        let with = sandbox::starts(&bench, &[])?;
        turns.push((with, sandbox::starts(&bench, &["alone"])?));
    }
    let mut text = String::new();
    for (name, what) in STARTS {
        let of = |figures: &[(String, f64)]| {
            let found = figures.iter().find(|(known, _)| known == name);
            found.map(|(_, ms)| *ms).context("no figure of a start")
        };
        let (mut with, mut without, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for (connected, alone) in &turns {
            with.push(of(connected)?);
            without.push(of(alone)?);
            added.push(of(connected)? - of(alone)?);
        }
        let [with, without, added] = [with, without, added].map(|times| median(&times));
        writeln!(
            text,
            "{what} takes {with:.2} ms with the network and {without:.2} ms without: it adds {added:.2} ms"
        )?;
    }
    Ok(text)
}

fn row(
    table: &mut String,
    user: User,
    server: &Server,
    function: &Function,
    probe: &Path,
    rounds: u32,
) -> anyhow::Result<()> {
    let mut figures: [(Vec<f64>, Vec<f64>); 2] = Default::default();
    for _ in 0..rounds {
        for ((ours, bare), (what, number)) in figures
            .iter_mut()
            .zip([("connect", CONNECTS), ("send", SEND_MS)])
        {
            let words = [what, FAR_ADDRESS, FAR_PORT, number];
            bare.push(run(probe, &words)?);
            ours.push(invoke(server, function, &words)?);
        }
    }
    let [(connects, bare_connects), (sent, bare_sent)] = &figures;
    writeln!(
        table,
        "{:<26} {:>10.1} {:>10.1} {:>7.2} {:>11.0} {:>10.0} {:>7.2}",
        user.name(),
        median(connects) / 1e3,
        median(bare_connects) / 1e3,
        median_ratio(connects, bare_connects),
        median(sent) / 1e6,
        median(bare_sent) / 1e6,
        median_ratio(sent, bare_sent),
    )?;
    Ok(())
}

/// All invokes are sent before the first answer is read, so that each needs an environment of its own.
fn at_once(server: &Server, probe: &Path) -> anyhow::Result<String> {
    let function = deploy::program(server, "crowd", &std::fs::read(probe)?, 128)?;
    let request = function.request(server, &event(&["hold", FAR_ADDRESS, FAR_PORT, HOLD_MS]))?;
    let start = Instant::now();
    let mut connections = Vec::new();
    for _ in 0..ENVIRONMENTS {
        let mut connection = Connection::open(server.address)?;
        connection.send(&request)?;
        connections.push(connection);
    }
    let mut answered = 0;
    for connection in &mut connections {
        let (status, body) = connection.receive()?;
        answered += usize::from(status == 200 && body == b"1");
    }
    let hold = Duration::from_millis(HOLD_MS.parse()?);
    let beyond = start.elapsed().saturating_sub(hold).as_secs_f64();
    deploy::delete(server, "crowd")?;
    Ok(format!(
        "{answered} of {ENVIRONMENTS} environments had a connection open at once; the last came after {beyond:.1} s\n"
    ))
}

fn event(words: &[&str]) -> Vec<u8> {
    format!("\"{}\"", words.join(" ")).into_bytes()
}

fn invoke(server: &Server, function: &Function, words: &[&str]) -> anyhow::Result<f64> {
    let request = function.request(server, &event(words))?;
    let mut connection = Connection::open(server.address)?;
    let (status, body) = connection.call(&request)?;
    let text = String::from_utf8_lossy(body);
    ensure!(status == 200, "{words:?}: {status}: {text}");
    text.parse().with_context(|| format!("{words:?}: {text}"))
}

fn run(probe: &Path, words: &[&str]) -> anyhow::Result<f64> {
    let output = Command::new(probe)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    text.trim()
        .parse()
        .with_context(|| format!("{words:?}: {text}"))
}

fn build() -> anyhow::Result<PathBuf> {
    packages::static_program("bench-probe", include_str!("probe.c"))
}
