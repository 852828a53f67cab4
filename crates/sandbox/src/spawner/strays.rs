//! Children of the spawner that no cell has: a failed creation below a template may leave one that nobody could tell of,
//! or that has not died yet. Unreaped, it would keep the template's process name space from ending.

use std::collections::HashSet;
use std::fs;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::event_loop::EventLoop;
use crate::linux::nested;

impl EventLoop {
    /// Ends and reaps them, if there may be any; one that takes its time is tried again before the next creation.
    pub(super) fn end_strays(&mut self) {
        if !self.has_strays {
            return;
        }
        let cells = self.cells.values().filter(|cell| !cell.reaped);
        let known: Result<HashSet<Pid>, _> =
            cells.map(|cell| nested::number_of(&cell.process)).collect();
        // Whose child nobody knows for sure is nobody's to end.
        let Ok(known) = known else {
            return;
        };
        // This process has one thread, and waits for whatever else it starts before it goes on.
        let Ok(children) = fs::read_to_string("/proc/thread-self/children") else {
            return;
        };
        let children = children.split_whitespace();
        let children = children.filter_map(|child| child.parse().ok().and_then(Pid::from_raw));
        let strays = children.filter(|child| !known.contains(child));
        let left: Vec<Pid> = strays.filter(|stray| !is_ended(*stray)).collect();
        self.has_strays = !left.is_empty();
    }
}

/// A child's number is its own until it is reaped.
fn is_ended(stray: Pid) -> bool {
    let process = pidfd_open(stray, PidfdFlags::empty());
    process.is_ok_and(|process| nested::finish(&process))
}
