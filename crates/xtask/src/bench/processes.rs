//! What the kernel says of processes: whose children they are, their memory and their CPU time.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Itself and everything below it.
pub(super) fn family(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(children(parent));
    }
    found
}

/// Sends a signal to processes of which some may be gone.
pub(super) fn signal(name: &str, pids: &[u32]) {
    let _ = Command::new("kill")
        .args(["-s", name, "--"])
        .args(pids.iter().map(ToString::to_string))
        .stderr(Stdio::null())
        .status();
}

/// Of every thread: a child belongs to the one that made it.
pub(super) fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for thread in threads.flatten() {
        let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(
            list.split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    found
}

/// Whether it is there and has not ended: one that nobody waited for yet has.
pub(super) fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Whether the process is pid 1 of a name space of its own.
pub(super) fn is_first_process(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let inner = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    inner.is_some_and(|ids| ids.split_whitespace().count() > 1 && ids.trim_end().ends_with("\t1"))
}

/// Proportional set sizes: what is shared counts once, in parts.
pub(super) fn proportional_mib(pids: &[u32]) -> f64 {
    mib(pids, &["Pss:"])
}

/// Pages that no other process has.
pub(super) fn private_mib(pids: &[u32]) -> f64 {
    mib(pids, &["Private_Clean:", "Private_Dirty:"])
}

fn mib(pids: &[u32], lines: &[&str]) -> f64 {
    let kib: u64 = pids.iter().map(|pid| kib(*pid, lines)).sum();
    kib as f64 / 1_024.0
}

fn kib(pid: u32, lines: &[&str]) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let of = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
    };
    lines.iter().filter_map(|name| of(name)).sum()
}

/// How many ticks Linux tells CPU time in, to programs of any machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time so far of the processes that live, in seconds, with that of their threads that ended.
pub(super) fn cpu_s(pids: &[u32]) -> f64 {
    let ticks: u64 = pids.iter().map(|pid| cpu_ticks(*pid)).sum();
    ticks as f64 / TICKS_PER_SECOND
}

/// User's and system's, the 14th and 15th field of a line whose second one is a name in brackets.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return 0;
    };
    rest.split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum()
}

/// How busy all cores are over a span, in percent of all of them.
pub(super) fn busy_percent(span: Duration) -> f64 {
    let (idle, all) = machine_ticks();
    std::thread::sleep(span);
    let (idle_then, all_then) = machine_ticks();
    let (idle, all) = (idle_then - idle, all_then - all);
    100.0 * (1.0 - idle / all.max(1.0))
}

/// Idle, and all together, of every core since the machine's start.
fn machine_ticks() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let ticks: Vec<f64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    // The fourth is idle, the fifth idle while a disk works.
    let idle = ticks.iter().skip(3).take(2).sum();
    (idle, ticks.iter().sum())
}
