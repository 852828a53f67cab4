//! Every attack, in a sandbox of its own, next to a neighbour; afterwards all that stands outside is as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lambkin_sandbox::{Bind, Event, Exit, Program, Root, Sandbox, Spec};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::attack::hoard::SHARED;
use crate::attack::{self, Attack, Layer, SECRET};
use crate::canaries::Canaries;
use crate::place::{self, Inside, Place};
use crate::visitor::Visitor;

/// This program, inside.
const PROBE: &str = "/var/runtime/probe";
/// As the attacks on resources expect it.
const MEMORY_BYTES: u64 = 128 << 20;
const TMP_BYTES: u64 = 64 << 20;
const PROCESSES_MAX: u32 = 64;
/// No attack needs a tenth of it; a machine with much to do may.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sandboxes that attack at the same time.
const AT_ONCE: usize = 3;

/// What is known of an attack that has ended.
pub(super) struct Verdict {
    pub(super) attack: &'static Attack,
    pub(super) result: Result<String, String>,
}

pub(super) fn files() {
    all_are_stopped(&["files", "mounts", "devices", "descriptors"]);
}

pub(super) fn processes() {
    all_are_stopped(&["processes", "signals", "identity", "ipc"]);
}

pub(super) fn the_kernel() {
    all_are_stopped(&["kernel", "calls", "proc"]);
}

pub(super) fn resources() {
    all_are_stopped(&["resources"]);
}

pub(super) fn neighbours() {
    all_are_stopped(&["neighbours"]);
}

/// There Landlock is what stops most of them.
pub(super) fn visitors() {
    all_are_stopped(&["visitor"]);
}

pub(super) fn the_network() {
    all_are_stopped(&["network"]);
}

fn all_are_stopped(groups: &'static [&'static str]) {
    let (verdicts, changes) = carry_out(groups);
    assert!(!verdicts.is_empty(), "no attack is in {groups:?}");
    for Verdict { attack, result } in &verdicts {
        match result {
            Ok(_) => {}
            Err(evidence) => println!(
                "  {} REACHES {}, past {:?}: {evidence}",
                attack.name, attack.aims_at, attack.stopped_by
            ),
        }
    }
    println!("  {} attacks on {groups:?}", verdicts.len());
    assert!(verdicts.iter().all(|verdict| verdict.result.is_ok()));
    assert!(changes.is_empty(), "changed outside: {changes:#?}");
}

/// Carries out the attacks of some groups; also tells what changed outside, and after which of them.
pub(super) fn carry_out(groups: &'static [&'static str]) -> (Vec<Verdict>, Vec<String>) {
    let told = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let ours = told.clone();
    place::with(|place| async move {
        let mut canaries = outside(&place);
        let (neighbour, mut facts) = neighbour(&place).await;
        facts.extend(canaries.facts().expect("what attacks need to know"));
        let before = canaries.state();
        let facts: Vec<_> = facts
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let (place, facts) = (Arc::new(place), Arc::new(facts));
        let (turns, mut running) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        let chosen = attack::all().filter(|attack| groups.contains(&attack.group()));
        let (with_visitors, others): (Vec<_>, Vec<_>) =
            chosen.partition(|attack| attack.group() == "visitor");
        for attack in others {
            let (place, facts, turns) = (place.clone(), facts.clone(), turns.clone());
            running.spawn(async move {
                let _turn = turns.acquire().await.expect("a turn");
                let result = try_one(&place, attack, &facts, false).await;
                Verdict { attack, result }
            });
        }
        let (mut verdicts, mut changes) = (Vec::new(), Vec::new());
        let mut last = before;
        while let Some(verdict) = running.join_next().await {
            let verdict = verdict.expect("a verdict");
            let now = canaries.state();
            changes.extend(differences(&last, &now, verdict.attack.name));
            last = now;
            verdicts.push(verdict);
        }
        // One at a time, so that the sandbox to visit is the one that came.
        for attack in with_visitors {
            let result = try_one(&place, attack, &facts, true).await;
            verdicts.push(Verdict { attack, result });
        }
        changes.extend(differences(&last, &canaries.state(), "the last"));
        changes.extend(of_the_neighbour(neighbour).await);
        *ours.lock().unwrap_or_else(PoisonError::into_inner) = (verdicts, changes);
    });
    std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner))
}

fn outside(place: &Place) -> Canaries {
    let folder = place.folder.path().join("canaries");
    fs::create_dir(&folder).expect("a folder");
    // So that nothing but the sandbox itself keeps attacks away from it.
    for path in [place.folder.path(), &folder] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("for everybody");
    }
    Canaries::place(&folder, None).expect("canaries")
}

/// With this program in it.
pub(super) fn spec(place: &Place) -> Spec<'static> {
    let probe = Bind {
        source: std::env::current_exe().expect("this program"),
        target: PROBE.into(),
        copied: false,
    };
    Spec {
        root: Root { binds: vec![probe] },
        memory_bytes: MEMORY_BYTES,
        tmp_bytes: TMP_BYTES,
        processes_max: PROCESSES_MAX,
        ..place.spec()
    }
}

/// This program, with arguments.
pub(super) fn program(arguments: impl IntoIterator<Item = String>) -> Program {
    Program {
        argv: std::iter::once(PROBE.to_owned()).chain(arguments).collect(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        cwd: "/var/task".into(),
    }
}

/// A sandbox that holds secrets, and what attacks know of it.
async fn neighbour(place: &Place) -> (Inside, BTreeMap<&'static str, String>) {
    const IPC_KEY: u32 = 0x1a3b_ffff;
    let name = format!("lambkin-neighbour-{}", std::process::id());
    let secret = format!("{SECRET}of a neighbour");
    let mut inside = place.sandbox_of(spec(place)).await;
    let words = ["__neighbour", &secret, &name, &IPC_KEY.to_string()].map(str::to_owned);
    inside
        .sandbox
        .start(&program(words))
        .await
        .expect("a start");
    let told = inside.read_until("\n=up=\n").await;
    let (port, memory) = told.split_once(' ').expect("a port and an address");
    let numbers: Vec<_> = place.traces().processes.into_iter().collect();
    let (init, pid) = (numbers.first(), numbers.last());
    let number = |pid: Option<&u32>| pid.expect("its processes").to_string();
    let facts = BTreeMap::from([
        ("neighbour_port", port.to_owned()),
        ("neighbour_memory", memory.to_owned()),
        ("neighbour_name", name),
        ("neighbour_key", IPC_KEY.to_string()),
        ("neighbour_init", number(init)),
        ("neighbour_pid", number(pid)),
        ("groups", told_as(place.has_groups())),
    ]);
    (inside, facts)
}

/// What the kernel counts for a user: one sandbox takes it all, and the next is made and has what it needs.
pub(super) fn a_hoarder_starves_nobody() {
    place::with(|place| async move {
        let mut hoarder = place.sandbox_of(spec(&place)).await;
        let start = program(["__take_all".to_owned()]);
        hoarder.sandbox.start(&start).await.expect("a start");
        let held = hoarder.read_until("=held=\n").await;
        let mut next = place.sandbox_of(spec(&place)).await;
        let start = program(["__need_each".to_owned()]);
        next.sandbox.start(&start).await.expect("a start");
        assert_eq!(next.sandbox.event().await, Event::Exited(Exit::Code(0)));
        let mut missed = Vec::new();
        let read = read_all(&mut next.output, &mut missed);
        let _ = tokio::time::timeout(Duration::from_millis(50), read).await;
        let missed = String::from_utf8_lossy(&missed);
        let shared = format!("no {SHARED}");
        let accepted = |line: &&str| !place.has_users() && line.starts_with(&shared);
        let missed: Vec<_> = missed.lines().filter(|line| !accepted(line)).collect();
        assert!(missed.is_empty(), "{missed:?} while another holds {held}");
    });
}

fn told_as(holds: bool) -> String {
    if holds { "yes" } else { "no" }.to_owned()
}

/// It has met nobody, runs, and ends as any other.
async fn of_the_neighbour(mut neighbour: Inside) -> Option<String> {
    let mut words = [0; 64];
    let word = neighbour.output.read(&mut words);
    let told = tokio::time::timeout(Duration::from_millis(1), word).await;
    neighbour.sandbox.destroy().await;
    told.ok().map(|told| {
        format!(
            "the neighbour: {told:?} {}",
            String::from_utf8_lossy(&words)
        )
    })
}

async fn try_one(
    place: &Place,
    attack: &Attack,
    facts: &[String],
    visited: bool,
) -> Result<String, String> {
    let before = if visited {
        place.traces().processes
    } else {
        BTreeSet::new()
    };
    // One half of them in sandboxes that were made without code: the way to it is no other's way out.
    let mut inside = match attack.name.len() % 2 {
        0 => place.sandbox_made_ahead(spec(place)).await,
        _ => place.sandbox_of(spec(place)).await,
    };
    let visitor = visited.then(|| {
        let came = &place.traces().processes - &before;
        Visitor::enter(&came).expect("a visitor")
    });
    let more = visitor.as_ref().map(Visitor::facts).unwrap_or_default();
    let words = ["__attack", attack.name].map(str::to_owned);
    let program = program(words.into_iter().chain(facts.iter().chain(more).cloned()));
    inside
        .sandbox
        .start(&program)
        .await
        .map_err(|error| error.to_string())?;
    let mut output = Vec::new();
    let end = tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            event = inside.sandbox.event() => event,
            () = read_all(&mut inside.output, &mut output) => inside.sandbox.event().await,
            () = refuse_all(&inside.sandbox) => inside.sandbox.event().await,
        }
    });
    let end = end.await;
    // What was written before the end may still be in the pipe.
    let _ = tokio::time::timeout(
        Duration::from_millis(5),
        read_all(&mut inside.output, &mut output),
    )
    .await;
    let met = visitor.as_ref().map_or(0, Visitor::met);
    drop(visitor);
    inside.sandbox.destroy().await;
    if met != 0 {
        return Err(format!("a visitor was reached {met} times"));
    }
    judge(attack, end.ok().as_ref(), &String::from_utf8_lossy(&output))
}

/// As on a machine without a network.
async fn refuse_all(sandbox: &Sandbox) {
    while let Some(request) = sandbox.network_request().await {
        let _ = sandbox.refuse(request).await;
    }
}

async fn read_all(output: &mut tokio::net::unix::pipe::Receiver, all: &mut Vec<u8>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = output.read(&mut bytes).await {
        all.extend_from_slice(&bytes[..count]);
    }
}

/// An attack says what became of it. One that says nothing must have been killed by what is said to stop it.
fn judge(attack: &Attack, end: Option<&Event>, output: &str) -> Result<String, String> {
    let told = output
        .lines()
        .find_map(|line| line.strip_prefix("stopped: "));
    let killed = matches!(end, Some(Event::Gone | Event::Exited(Exit::Signal(_))));
    match (end, told) {
        (Some(Event::Exited(Exit::Code(0))), Some(how)) => Ok(how.to_owned()),
        _ if killed && attack.stopped_by.contains(&Layer::Groups) => Ok(format!("{end:?}")),
        _ => Err(format!("{end:?} {output}")),
    }
}

fn differences(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    attack: &str,
) -> Vec<String> {
    let changed = before
        .iter()
        .filter(|(key, value)| after.get(*key) != Some(value));
    changed
        .map(|(key, value)| {
            format!(
                "{key}, by the time of {attack}: {value} is {:?}",
                after.get(key)
            )
        })
        .collect()
}
