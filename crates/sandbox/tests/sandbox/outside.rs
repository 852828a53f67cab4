//! What the machine shows of sandboxes: processes, control groups, loop devices.

use std::collections::BTreeSet;
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
            processes: processes(&uids),
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

/// Processes of those users.
fn processes(uids: &Range<u32>) -> BTreeSet<u32> {
    let numbers = fs::read_dir("/proc").expect("/proc").filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        // A dead process whose parent is dead too is there until the machine's init looks after it.
        if status.contains("\nState:\tZ") {
            return None;
        }
        let owner = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let uid: u32 = owner.split_whitespace().next()?.parse().ok()?;
        uids.contains(&uid).then_some(pid)
    });
    numbers.collect()
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
