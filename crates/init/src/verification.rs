//! A clone looked at from outside before it runs: a call of its making that was answered and not done is found here.

use crate::descriptors::INPUT;
use crate::kernel::filter;
use crate::status::{Status, number_of};
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdGetfdFlags, pidfd_getfd};
use std::fs;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

const CAPABILITIES: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
const NONE: &str = "0000000000000000";
/// Those of templates and of programs.
const FILTERS: u32 = 2;
/// The pid 1's descriptors that are a clone's standard streams.
const STREAMS: [(RawFd, RawFd); 3] = [(INPUT, 0), (1, 1), (2, 2)];

/// A clone that stands still in the sandbox of `init`, made by this process.
pub(crate) struct Subject<'a> {
    pub(crate) pid: Pid,
    pub(crate) process: BorrowedFd<'a>,
    pub(crate) init: Init<'a>,
}

/// The pid 1 of its sandbox.
pub(crate) struct Init<'a> {
    pub(crate) process: BorrowedFd<'a>,
    /// By which it was found here.
    pub(crate) number: Pid,
}

impl Subject<'_> {
    /// Its number in that sandbox, if it is what a program there must be. `EPERM` if not.
    pub(crate) fn verify(&self, listener: &OwnedFd) -> Result<i32, Errno> {
        let status = Status::of(self.pid).map_err(|_| Errno::SRCH)?;
        let init = Status::of(self.init.number).map_err(|_| Errno::SRCH)?;
        let own = Status::of_self().map_err(|_| Errno::SRCH)?;
        let is_confined = is_confined(&status, &init, &own)
            && filter::is_listener(listener)
            && self.is_in_groups()?
            && self.has_streams_alone()?
            // As long as it has that number, what was found by it was found in its sandbox.
            && number_of(self.init.process)? == self.init.number;
        let [_, number] = status.numbers().collect::<Vec<_>>()[..] else {
            return Err(Errno::PERM);
        };
        is_confined.then_some(number).ok_or(Errno::PERM)
    }

    fn is_in_groups(&self) -> Result<bool, Errno> {
        let groups = |process: Pid| {
            let groups = fs::read(format!("/proc/{}/cgroup", process.as_raw_pid()));
            groups.map_err(|_| Errno::SRCH)
        };
        Ok(groups(self.pid)? == groups(self.init.number)?)
    }

    fn has_streams_alone(&self) -> Result<bool, Errno> {
        let get = |process: BorrowedFd<'_>, number| {
            pidfd_getfd(process, number, PidfdGetfdFlags::empty())
        };
        for (of_init, number) in STREAMS {
            let expected = fstat(get(self.init.process, of_init)?)?;
            let found = fstat(get(self.process, number)?)?;
            if (found.st_dev, found.st_ino) != (expected.st_dev, expected.st_ino) {
                return Ok(false);
            }
        }
        let next = get(self.process, STREAMS.len() as RawFd);
        Ok(next.is_err_and(|error| error == Errno::BADF))
    }
}

/// By what the kernel tells of it, of its pid 1, and of this process.
fn is_confined(status: &Status, init: &Status, own: &Status) -> bool {
    is_without_rights(status)
        && is_of_user(status, init)
        && status.filters().is_some()
        && status.filters() == own.filters().map(|own| own + FILTERS)
}

fn is_without_rights(status: &Status) -> bool {
    let mut sets = CAPABILITIES.iter();
    sets.all(|set| status.words(set).eq([NONE])) && status.words("NoNewPrivs").eq(["1"])
}

/// The one user of the sandbox, which its pid 1 is too.
fn is_of_user(status: &Status, init: &Status) -> bool {
    let mut ids = ["Uid", "Gid"].iter();
    ids.all(|ids| {
        let expected: Vec<_> = init.words(ids).collect();
        let is_one = expected.len() == 4 && expected.iter().all(|id| *id == expected[0]);
        is_one && status.words(ids).eq(expected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Uid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp_filters:\t4\n";

    #[test]
    fn each_call_that_was_not_done_is_found() {
        let status = |text: &str| Status::told(text);
        let own = status("Seccomp_filters:\t2\n");
        let verdict = |text: &str| is_confined(&status(text), &status(GOOD), &own);
        assert!(verdict(GOOD));
        for (right, wrong) in [
            ("Uid:\t7\t7\t7\t7", "Uid:\t7\t7\t0\t7"),
            ("Gid:\t8\t8\t8\t8", "Gid:\t8\t8\t8\t0"),
            ("CapInh:\t0", "CapInh:\t1"),
            ("CapPrm:\t0", "CapPrm:\t1"),
            ("CapEff:\t0", "CapEff:\t1"),
            ("CapBnd:\t0", "CapBnd:\t1"),
            ("CapAmb:\t0", "CapAmb:\t1"),
            ("CapAmb:", "CapOther:"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0"),
            ("Seccomp_filters:\t4", "Seccomp_filters:\t3"),
            ("Seccomp_filters:\t4\n", ""),
        ] {
            assert!(GOOD.contains(right));
            assert!(!verdict(&GOOD.replace(right, wrong)), "{wrong}");
        }
        let mixed = GOOD.replace("7\t7\t7\t7", "7\t7\t0\t7");
        assert!(!is_confined(&status(&mixed), &status(&mixed), &own));
    }
}
