//! A process in new name spaces that are below those of another sandbox, and whose owner is that one's user.
//!
//! ```text
//! spawner ── fork ──▶ first: closes all that the new process does not need, enters the other's user and process
//!   │                   │    name spaces ── fork ──▶ second: in them; its user
//!   │ ◀── the second's descriptor ──┘                  │ clone3, tells, maps of users, tells
//!   │ ◀── the new process's descriptor ─────────────────┘
//!   └── all three are its children, and it alone ends and reaps them
//! ```
//! A process of that user may enter such name spaces, which nobody else of the other sandbox and no other may.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use lambkin_init::number_of;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{
    DumpableBehavior, Pid, WaitId, WaitIdOptions, set_dumpable_behavior, waitid,
};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};
use serde::{Deserialize, Serialize};

use super::namespaces::{self, IdMaps};
use super::pidfd;
use super::priority;
use super::privilege::{self, SANDBOX_GID, SANDBOX_UID};
use crate::failure::{Failure, at};
use crate::protocol;

/// For all steps, which take a millisecond: nobody else gets a sandbox meanwhile. Those on the way go before all else on
/// the machine, so that it is enough for a busy one, too.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(80);
/// Without privilege they wait their turn, and all sandboxes are one user's.
pub(crate) const TIMEOUT_WITHOUT_PRIVILEGE: Duration = Duration::from_millis(500);
/// For the death of all that have been killed then. Who takes longer is left to be reaped later.
const END_TIMEOUT: Duration = Duration::from_millis(20);

/// A process below another sandbox.
#[derive(Debug)]
pub(crate) struct Nested {
    pub(crate) pid: Pid,
    pub(crate) process: OwnedFd,
}

/// What those on the way need besides what the new process does.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    /// Pid 1 of the other sandbox.
    pub(crate) above: BorrowedFd<'a>,
    pub(crate) told: BorrowedFd<'a>,
}

/// What the two on the way tell.
#[derive(Serialize, Deserialize)]
enum Word {
    /// Comes with the second's descriptor.
    Second,
    /// Comes with the new process's.
    Made,
    /// It has its users.
    Mapped,
    Failed(Failure),
}

/// Starts a process that runs `child`, below the sandbox of the pid 1 `above`, and gives it its users.
///
/// Before anything of that sandbox could look at one of the three, `arrange` closes whatever the child does not need,
/// and says where the rest is. Returns 20 ms after the timeout at
/// the latest. Whatever fails, none of them is left; but one that does
/// not die in time, or that nobody could tell of, stays as a child that the caller does not know.
pub(crate) fn clone(
    above: BorrowedFd<'_>,
    (maps, timeout): (&IdMaps, Duration),
    arrange: impl FnOnce(Way<'_>) -> io::Result<Way<'static>>,
    child: impl FnOnce(),
) -> Result<Nested, Failure> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(at("make a socket"))?;
    let until = Instant::now() + timeout;
    let (_, first) = namespaces::clone(0, None, || {
        let told = theirs.as_fd();
        // Fails without privilege.
        let _ = priority::raise_self();
        if let Ok(way) = arrange(Way { above, told }) {
            tell(way, enter(way, maps, child));
        }
    })
    .map_err(at("fork"))?;
    drop(theirs);
    let mut heard = Heard::default();
    while !heard.is_all() && heard.hear(&ours, until) {}
    let until = Instant::now() + END_TIMEOUT;
    let on_the_way = heard.second.iter().chain([&first]);
    let left = on_the_way.filter(|one| !pidfd::finish(one, until)).count();
    heard.end(left == 0, until)
}

/// What the two have told.
#[derive(Default)]
struct Heard {
    second: Option<OwnedFd>,
    made: Option<OwnedFd>,
    is_mapped: bool,
    failure: Option<Failure>,
}

impl Heard {
    fn is_all(&self) -> bool {
        self.second.is_some() && self.made.is_some() && self.is_mapped
    }

    /// False when there is no more.
    fn hear(&mut self, ours: &OwnedFd, until: Instant) -> bool {
        let heard = await_word(ours, until).and_then(|()| protocol::receive::<Word>(ours));
        match heard {
            Ok(Some((Word::Second, mut sent))) => self.second = sent.pop().filter(is_child),
            Ok(Some((Word::Made, mut sent))) => self.made = sent.pop().filter(is_child),
            Ok(Some((Word::Mapped, _))) => self.is_mapped = true,
            Ok(Some((Word::Failed(failure), _))) => self.failure = Some(failure),
            Ok(None) => return false,
            Err(error) => {
                self.failure = Some(at("enter another sandbox")(error));
                return false;
            }
        }
        self.failure.is_none()
    }

    fn end(self, are_gone: bool, until: Instant) -> Result<Nested, Failure> {
        let is_all = self.is_all() && are_gone;
        let gone = || Failure::new("enter another sandbox", rustix::io::Errno::CHILD);
        let process = self
            .made
            .ok_or_else(|| self.failure.clone().unwrap_or_else(gone))?;
        let pid = match (is_all, self.failure) {
            (true, None) => number_of(&process).map_err(at("find a new process")),
            (_, failure) => Err(failure.unwrap_or_else(gone)),
        };
        match pid {
            Ok(pid) => Ok(Nested { pid, process }),
            Err(failure) => {
                pidfd::finish(&process, until);
                Err(failure)
            }
        }
    }
}

fn await_word(from: &OwnedFd, until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    match pidfd::becomes_readable(from, left)? {
        true => Ok(()),
        false => Err(rustix::io::Errno::TIMEDOUT.into()),
    }
}

/// Of anybody else's nothing is to be ended or kept.
fn is_child(process: &OwnedFd) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::PidFd(process.as_fd()), options).is_ok()
}

// ---- from here on: the two on the way, with nothing open but what `arrange` has left ----

fn tell(way: Way<'_>, result: Result<(), Failure>) {
    if let Err(failure) = result {
        // Whoever cannot be told is gone.
        let _ = protocol::send(way.told, &Word::Failed(failure), &[]);
    }
}

fn enter(way: Way<'_>, maps: &IdMaps, child: impl FnOnce()) -> Result<(), Failure> {
    let spaces = ThreadNameSpaceType::USER | ThreadNameSpaceType::PROCESS_ID;
    move_into_thread_name_spaces(way.above, spaces).map_err(at("enter another sandbox"))?;
    let second = namespaces::clone(libc::CLONE_PARENT, None, || {
        tell(way, begin(way, maps, child));
    });
    let (_, second) = second.map_err(at("fork into another sandbox"))?;
    protocol::send(way.told, &Word::Second, &[second.as_fd()]).map_err(at("tell the spawner"))
}

/// With all capabilities of the other sandbox, until it ends a moment later.
fn begin(way: Way<'_>, maps: &IdMaps, child: impl FnOnce()) -> Result<(), Failure> {
    namespaces::allow_others_below().map_err(at("allow name spaces"))?;
    privilege::become_user_with_capabilities(SANDBOX_UID, SANDBOX_GID)
        .map_err(at("become another sandbox's user"))?;
    // Or its own files in /proc would be root's. Nothing runs in that sandbox that could look at it.
    set_dumpable_behavior(DumpableBehavior::Dumpable)
        .map_err(at("become another sandbox's user"))?;
    let flags = namespaces::all() | libc::CLONE_PARENT;
    let (_, process) = namespaces::clone(flags, None, child).map_err(at("make name spaces"))?;
    let tell = |word: &Word, sent: &[BorrowedFd<'_>]| {
        protocol::send(way.told, word, sent).map_err(at("tell the spawner"))
    };
    tell(&Word::Made, &[process.as_fd()])?;
    let pid = number_of(&process).map_err(at("find a new process"))?;
    let mapped = maps.give_to(pid);
    mapped.map_err(at("map user ids"))?;
    tell(&Word::Mapped, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::namespaces::IdMap;

    #[test]
    fn who_hangs_on_the_way_is_ended_in_time() {
        let own = pidfd::of_self().unwrap();
        let id = IdMap {
            inside: SANDBOX_UID,
            outside: 0,
        };
        let maps = IdMaps::alone(id, id, true);
        let hangs = |_: Way<'_>| -> io::Result<Way<'static>> {
            std::thread::sleep(Duration::from_secs(60));
            Err(io::ErrorKind::TimedOut.into())
        };
        let began = Instant::now();
        let made = clone(own.as_fd(), (&maps, TIMEOUT), hangs, || {});
        let errno = made.unwrap_err().errno;
        assert_eq!(errno, rustix::io::Errno::TIMEDOUT.raw_os_error());
        assert!(began.elapsed() < 3 * (TIMEOUT + END_TIMEOUT));
        let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
        assert_eq!(children, "", "dead and reaped");
    }
}
