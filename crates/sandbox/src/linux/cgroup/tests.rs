//! Groups of the machine that the tests run on, with real processes in them.
//!
//! Root can make groups everywhere, an ordinary user where they are delegated; elsewhere there is nothing to test
//! but the refusal.

use super::*;
use rustix::process::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LIMITS: Limits = Limits {
    memory_bytes: 64 << 20,
    processes_max: 16,
};
/// For what the kernel does within milliseconds, on a machine that is busy.
const TIMEOUT: Duration = Duration::from_secs(10);

fn hierarchy(name: &str) -> Option<Hierarchy> {
    match Hierarchy::named(&format!("{PREFIX}test-{}-{name}", std::process::id())) {
        Ok((hierarchy, missing)) => {
            assert!(!crate::is_root() || missing.is_empty(), "{missing:?}");
            Some(hierarchy)
        }
        Err(error) => {
            assert!(!crate::is_root(), "root can make groups: {error}");
            None
        }
    }
}

/// A group with a shell in it that waits for its script.
struct Inside {
    group: Group,
    meter: Meter,
    shell: Child,
}

impl Inside {
    fn new(hierarchy: &mut Hierarchy, limits: &Limits) -> Self {
        let group = hierarchy.create(limits).unwrap();
        let meter = Meter::new(group.files());
        let shell = Command::new("sh").stdin(Stdio::piped()).spawn().unwrap();
        enter(&group, Pid::from_child(&shell));
        Self {
            group,
            meter,
            shell,
        }
    }

    /// Runs a script to its end; whether it went well.
    fn run(&mut self, script: &str) -> bool {
        let mut input = self.shell.stdin.take().unwrap();
        input.write_all(script.as_bytes()).unwrap();
        drop(input);
        self.shell.wait().unwrap().success()
    }

    fn end(mut self) {
        self.group.kill().unwrap();
        self.shell.wait().unwrap();
        until("the group is gone", || {
            let _ = self.group.kill();
            self.group.remove().is_ok()
        });
    }
}

/// A process that is not born into its group, as those of a sandbox are with version 2.
fn enter(group: &Group, pid: Pid) {
    match group.clone_fd() {
        None => {
            for entrance in group.entrances().unwrap() {
                rustix::io::write(entrance, pid.as_raw_pid().to_string().as_bytes()).unwrap();
            }
        }
        Some(folder) => {
            let flags = rustix::fs::OFlags::WRONLY;
            let mode = rustix::fs::Mode::empty();
            let file = rustix::fs::openat(folder, "cgroup.procs", flags, mode).unwrap();
            rustix::io::write(file, pid.as_raw_pid().to_string().as_bytes()).unwrap();
        }
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < TIMEOUT, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_group_is_killed_whole_and_removed_when_it_is_empty() {
    let Some(mut hierarchy) = hierarchy("kill") else {
        return;
    };
    let mut inside = Inside::new(&mut hierarchy, &LIMITS);
    let mut input = inside.shell.stdin.take().unwrap();
    let script = b"setsid sleep 100 & sleep 100 & wait";
    input.write_all(script).unwrap();
    drop(input);
    assert!(inside.group.remove().is_err());
    inside.end();
}

#[test]
fn memory_beyond_the_limit_is_killed_and_counted() {
    let Some(mut hierarchy) = hierarchy("memory") else {
        return;
    };
    let mut inside = Inside::new(&mut hierarchy, &LIMITS);
    assert_eq!(inside.meter.usage().unwrap().oom_kills, 0);
    assert!(!inside.run("head -c 200M /dev/zero | tail -c 199M > /dev/null"));
    let usage = inside.meter.usage().unwrap();
    assert_eq!(usage.oom_kills, 1);
    let most = LIMITS.memory_bytes * 3 / 4..=LIMITS.memory_bytes;
    assert!(most.contains(&usage.memory_peak_bytes), "{usage:?}");
    inside.end();
}

#[test]
fn processes_beyond_the_limit_are_not_made() {
    let Some(mut hierarchy) = hierarchy("processes") else {
        return;
    };
    let mut inside = Inside::new(&mut hierarchy, &LIMITS);
    assert!(!inside.run("for i in $(seq 30); do sleep 100 & done 2>/dev/null"));
    inside.end();
}

#[test]
fn the_cpu_quota_holds_and_is_taken_away() {
    const SPIN: &str = "timeout 0.5 sh -c 'while :; do :; done'; true";
    let Some(mut hierarchy) = hierarchy("cpu") else {
        return;
    };
    let percent = |hierarchy: &mut Hierarchy, millicores| {
        let mut inside = Inside::new(hierarchy, &LIMITS);
        inside.meter.files().set_cpu_limit(Some(100)).unwrap();
        inside.meter.files().set_cpu_limit(millicores).unwrap();
        let before = inside.meter.usage().unwrap();
        let start = Instant::now();
        assert!(inside.run(SPIN));
        let took = start.elapsed();
        let used_us = inside.meter.usage().unwrap().cpu_us - before.cpu_us;
        inside.end();
        u128::from(used_us) * 100 / took.as_micros()
    };
    let tenth = percent(&mut hierarchy, Some(100));
    assert!((1..20).contains(&tenth), "{tenth}");
    // However busy the machine is, it has more to give than a tenth of a core.
    let all = percent(&mut hierarchy, None);
    assert!(all > tenth, "{all} of {tenth}");
}

/// Of a folder with a CPU controller, in the unit of its version.
fn weight_of(folder: &Path) -> u64 {
    let read = |file| fs::read_to_string(folder.join(file));
    let text = read("cpu.shares").or_else(|_| read("cpu.weight")).unwrap();
    text.trim().parse().unwrap()
}

#[test]
fn the_machine_comes_before_all_sandboxes_and_memory_tells_among_them() {
    let Some(mut hierarchy) = hierarchy("weight") else {
        return;
    };
    let mut folder_of = |mebibytes: u64| {
        let limits = Limits {
            memory_bytes: mebibytes << 20,
            ..LIMITS
        };
        let group = hierarchy.create(&limits).unwrap();
        let folder = match group.files() {
            GroupFiles::V1 { cpu, .. } => cpu,
            GroupFiles::V2(folder) => folder.join("cpu.weight").exists().then_some(folder),
        };
        (group, folder)
    };
    let ((small, of_small), (large, of_large)) = (folder_of(512), folder_of(2_048));
    if let (Some(of_small), Some(of_large)) = (of_small, of_large) {
        // Of a group that nobody has given another.
        let ordinary = if of_small.join("cpu.shares").exists() {
            1_024
        } else {
            100
        };
        assert!(weight_of(of_small.parent().unwrap()) <= ordinary / 2);
        let percent = weight_of(&of_large) * 100 / weight_of(&of_small);
        assert!((380..430).contains(&percent), "{percent}");
    }
    small.remove().unwrap();
    large.remove().unwrap();
}

#[test]
fn what_a_dead_spawner_left_is_removed_and_nothing_else() {
    let Some(mut hierarchy) = hierarchy("stale") else {
        return;
    };
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let mut alive = Command::new("sh")
        .args(["-c", "read line", "__spawner"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let group = hierarchy.create(&LIMITS).unwrap();
    for base in folders(&group).iter().filter_map(|folder| folder.parent()) {
        let place = |spawner: &Child| base.join(format!("{PREFIX}{}", spawner.id()));
        let left = place(&dead).join("7");
        fs::create_dir_all(&left).unwrap();
        fs::create_dir_all(place(&alive)).unwrap();
        let mut process = Command::new("sleep").arg("100").spawn().unwrap();
        files::write(&left, "cgroup.procs", process.id()).unwrap();
        stale::remove(base);
        assert!(!process.wait().unwrap().success(), "it is killed");
        assert!(!place(&dead).exists());
        assert!(place(&alive).exists());
        fs::remove_dir(place(&alive)).unwrap();
    }
    alive.kill().unwrap();
    alive.wait().unwrap();
    group.remove().unwrap();
}

/// The group's folders in all hierarchies that measure or steer something.
fn folders(group: &Group) -> BTreeSet<PathBuf> {
    match group.files() {
        GroupFiles::V2(folder) => [folder].into(),
        GroupFiles::V1 {
            memory,
            cpu,
            cpuacct,
            freezer,
        } => [memory, cpu, cpuacct, freezer]
            .into_iter()
            .flatten()
            .collect(),
    }
}

#[test]
fn a_frozen_group_uses_no_cpu_goes_on_and_dies_when_it_is_killed() {
    const STILL: Duration = Duration::from_millis(50);
    let Some(mut hierarchy) = hierarchy("freeze") else {
        return;
    };
    let mut inside = Inside::new(&mut hierarchy, &LIMITS);
    let mut input = inside.shell.stdin.take().unwrap();
    input.write_all(b"while :; do :; done").unwrap();
    drop(input);
    let used = |inside: &Inside| inside.meter.usage().unwrap().cpu_us;
    until("it spins", || used(&inside) > 10_000);
    let files = inside.group.files();
    files.freeze(true).unwrap();
    std::thread::sleep(STILL);
    let before = used(&inside);
    std::thread::sleep(STILL);
    assert_eq!(used(&inside), before);
    files.freeze(false).unwrap();
    until("it goes on", || used(&inside) > before);
    files.freeze(true).unwrap();
    inside.end();
}
