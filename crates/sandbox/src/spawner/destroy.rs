//! The end of a cell: killed, reaped, its group removed, its user id free again.

use std::time::Duration;

use rustix::io::Errno;

use super::cells::{Cell, Work};
use super::event_loop::EventLoop;
use crate::failure::Failure;
use crate::linux::pidfd;
use crate::protocol::Outcome;

/// Before a group that still has a dying process in it is tried again; doubled each time.
const REMOVAL_PAUSE: Duration = Duration::from_millis(1);
/// Doublings of that pause: a group that stays is tried about once a second.
const REMOVAL_DOUBLINGS_MAX: u32 = 10;

impl EventLoop {
    pub(super) fn destroy(&mut self, request: u64, id: u64) {
        match self.cells.get_mut(&id) {
            Some(cell) => {
                cell.waiting.push(request);
                self.doom(id);
            }
            None => self.answers.push(request, Outcome::Done, Vec::new()),
        }
    }

    /// Kills it, or leaves that to the end of the last one below it: its pid 1 ends its own programs meanwhile, as nobody
    /// talks with it any more.
    fn doom(&mut self, id: u64) {
        if self.cells.values().any(|cell| cell.below == Some(id)) {
            if let Some(cell) = self.cells.get_mut(&id) {
                cell.is_doomed = true;
            }
        } else {
            self.kill(id);
        }
    }

    /// Kills everything in it, by two ways; its end arrives as an event.
    pub(super) fn kill(&mut self, id: u64) {
        let Some(cell) = self.cells.get(&id) else {
            return;
        };
        if cell.reaped {
            return;
        }
        let killed = pidfd::kill(&cell.process);
        let group = cell.group.as_ref().map(crate::linux::cgroup::Group::kill);
        if let (Err(error), None | Some(Err(_))) = (killed, group) {
            tracing::error!("a sandbox cannot be killed: {error}");
        }
    }

    /// Pid 1 has ended, and with it all processes of its name space.
    pub(super) fn on_ended(&mut self, id: u64) {
        // All words that it sent before its end come first: the last of them says why it ended.
        while self.on_setup(id) {}
        self.on_report(id);
        let Some(cell) = self.cells.get_mut(&id) else {
            return;
        };
        if cell.reaped || !pidfd::reap(&cell.process) {
            return;
        }
        cell.reaped = true;
        // It would keep the mounts.
        cell.space = None;
        let work = std::mem::replace(&mut cell.work, Work::Running);
        self.unwatch(&self.cells[&id].process);
        match work {
            Work::Creating(creating) => {
                self.unwatch(&creating.setup);
                let failure = Failure::new("set up a sandbox", Errno::CHILD);
                self.fail(creating.request, failure);
            }
            Work::Unpacking(unpacking) => {
                unpacking.setup.iter().for_each(|setup| self.unwatch(setup));
                self.unwatch(&unpacking.control);
                self.finish_unpacking(unpacking);
            }
            Work::Running => {}
        }
        self.remove(id);
    }

    /// Removes its group, sooner or later, and then the cell.
    pub(super) fn remove(&mut self, id: u64) {
        let Some(cell) = self.cells.get_mut(&id) else {
            return;
        };
        if let Some(group) = &cell.group
            && group.remove().is_err()
        {
            let _ = group.kill();
            let pause = REMOVAL_PAUSE * 2u32.pow(cell.removals.min(REMOVAL_DOUBLINGS_MAX));
            cell.removals += 1;
            return self.remind(id, pause);
        }
        if let Some(cell) = self.cells.remove(&id) {
            self.machine.release_user(cell.uid);
            for request in cell.waiting {
                self.answers.push(request, Outcome::Done, Vec::new());
            }
            let above = cell.below;
            if let Some(above) = above
                && self.cells.get(&above).is_some_and(|cell| cell.is_doomed)
            {
                self.doom(above);
            }
        }
    }

    /// A cell that was never watched: its process is a stray, whose group is removed when it has died.
    pub(super) fn discard(&mut self, cell: Cell) {
        self.machine.leave(cell.group);
        self.machine.release_user(cell.uid);
        self.end_strays();
    }

    /// It took too long.
    pub(super) fn time_out(&mut self, id: u64) {
        let failure = Failure::new("wait for a sandbox", Errno::TIMEDOUT);
        self.fail_creation(id, failure.clone());
        self.conclude(id, Outcome::Failed(failure));
    }
}
