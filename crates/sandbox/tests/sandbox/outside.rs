//! What the machine shows of sandboxes: processes, control groups, loop devices.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

/// All traces that the sandboxes of one case leave on the machine while they exist.
#[derive(Debug, PartialEq, Eq, Clone, Default)]
pub(crate) struct Traces {
    pub(crate) processes: BTreeSet<u32>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) loops: BTreeSet<String>,
}

impl Traces {
    /// Of a spawner whose work folder lies in `folder`, with that process number and users for sandboxes.
    pub(crate) fn of(folder: &Path, spawner: u32, uids: Range<u32>) -> Self {
        Self {
            processes: processes(spawner, &uids),
            groups: groups(spawner),
            loops: loops(folder),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Waits until the condition holds.
pub(crate) fn wait(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + limit;
    while !condition() {
        assert!(Instant::now() < until, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether one of these is still there.
pub(crate) fn any_alive(processes: &BTreeSet<u32>) -> bool {
    let all = Process::all();
    processes.iter().any(|pid| all.contains_key(pid))
}

struct Process {
    parent: u32,
    uid: u32,
}

impl Process {
    /// Those that have not ended. A dead process whose parent is dead too is there until the machine's init looks
    /// after it.
    fn all() -> BTreeMap<u32, Self> {
        let numbers = fs::read_dir("/proc").expect("/proc").filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, Self::of(pid)?))
        });
        numbers.collect()
    }

    fn of(pid: u32) -> Option<Self> {
        // A process's name is any bytes.
        let status = fs::read(format!("/proc/{pid}/status")).ok()?;
        let status = String::from_utf8_lossy(&status);
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        (!status.contains("\nState:\tZ")).then_some(Self {
            parent: number("PPid:")?,
            uid: number("Uid:")?,
        })
    }
}

/// What descends from the spawner; and what has one of the users that only its sandboxes have, wherever it is.
fn processes(spawner: u32, uids: &Range<u32>) -> BTreeSet<u32> {
    let all = Process::all();
    let descends = |mut pid: u32| {
        while let Some(process) = all.get(&pid) {
            if process.parent == spawner {
                return true;
            }
            pid = process.parent;
        }
        false
    };
    let ours = all
        .iter()
        .filter(|(pid, process)| uids.contains(&process.uid) || descends(**pid));
    ours.map(|(pid, _)| *pid).collect()
}

/// Control groups of that spawner.
fn groups(spawner: u32) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(
        Path::new("/sys/fs/cgroup"),
        &format!("lambkin-{spawner}"),
        &mut found,
    );
    found
}

fn collect(folder: &Path, name: &str, found: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|t| t.is_dir()))
    {
        let path = entry.path();
        if path.to_string_lossy().contains(name) {
            found.insert(path.to_string_lossy().into_owned());
        }
        collect(&path, name, found);
    }
}

/// Loop devices whose file was made in the folder.
fn loops(folder: &Path) -> BTreeSet<String> {
    let folder = folder.to_string_lossy().into_owned();
    let devices = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let ours = devices.filter(|device| {
        fs::read_to_string(device.path().join("loop/backing_file"))
            .is_ok_and(|file| file.starts_with(&folder))
    });
    ours.map(|device| device.file_name().to_string_lossy().into_owned())
        .collect()
}
