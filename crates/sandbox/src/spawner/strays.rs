//! Children of the spawner that no cell has: a failed creation below a template may leave one that nobody could tell of,
//! or that has not died yet. Unreaped, it would keep the template's process name space from ending, and its control group.

use std::collections::HashSet;
use std::time::{Duration, Instant};
use std::{fs, io};

use lambkin_init::number_of;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::event_loop::EventLoop;
use crate::linux::pidfd;

/// Before one that was killed and is not dead is looked for again.
const PAUSE: Duration = Duration::from_millis(20);

impl EventLoop {
    /// There may be some: a creation has failed.
    pub(super) fn end_strays(&mut self) {
        self.strays = Some(Instant::now());
        self.end_strays_in_time();
    }

    /// Ends and reaps them, if there may be any and it is time. Waits for none.
    pub(super) fn end_strays_in_time(&mut self) {
        let now = Instant::now();
        if self.strays.is_none_or(|when| when > now) {
            return;
        }
        self.strays = Some(now + PAUSE);
        let cells = self.cells.values().filter(|cell| !cell.reaped);
        let known: Result<HashSet<Pid>, _> = cells.map(|cell| number_of(&cell.process)).collect();
        // Whose child nobody knows for sure is nobody's to end.
        let Ok(known) = known else {
            return;
        };
        // This process has one thread, and waits for whatever else it starts before it goes on.
        let children = fs::read_to_string("/proc/thread-self/children");
        // Where no kernel tells of children there is nobody to be found; other errors pass.
        let passes = |error: &io::Error| error.kind() != io::ErrorKind::NotFound;
        if children.as_ref().is_err_and(passes) {
            return;
        }
        let children = children.unwrap_or_default();
        let children = children.split_whitespace();
        let children = children.filter_map(|child| child.parse().ok().and_then(Pid::from_raw));
        let strays = children.filter(|child| !known.contains(child));
        let left: Vec<Pid> = strays.filter(|stray| !is_ended(*stray, now)).collect();
        if self.machine.remove_left() && left.is_empty() {
            self.strays = None;
        }
    }
}

/// A child's number is its own until it is reaped.
fn is_ended(stray: Pid, now: Instant) -> bool {
    let process = pidfd_open(stray, PidfdFlags::empty());
    process.is_ok_and(|process| pidfd::finish(&process, now))
}
