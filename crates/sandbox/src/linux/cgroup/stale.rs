//! What a killed spawner may have left: groups whose spawner is gone.

use super::{PREFIX, files};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A dying process keeps its group for some milliseconds.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// Removes the groups of dead spawners below `base`, and one that had the pid of this process, which has made none
/// yet. Best effort: one that stays costs a name.
pub(super) fn remove(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if pid.is_some_and(|pid| pid == std::process::id() || !is_spawner(pid)) {
            remove_tree(&entry.path());
        }
    }
}

fn is_spawner(pid: u32) -> bool {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    words
        .split(|byte| *byte == 0)
        .any(|word| word == b"__spawner")
}

/// Kills and removes a group with the groups in it.
pub(super) fn remove_tree(group: &Path) {
    let inner = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in inner.filter(|entry| entry.path().is_dir()) {
        remove_tree(&entry.path());
    }
    for _ in 0..TRIES {
        // Fails only for a group that is gone. Version 1 ends a frozen process when it is thawed.
        let _ = files::kill_processes(group);
        let _ = files::write_if_there(group, "freezer.state", "THAWED");
        if files::remove(group).is_ok() {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    tracing::warn!("the group {} of a dead server stays", group.display());
}
