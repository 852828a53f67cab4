//! A process in new name spaces that are below those of another sandbox, and whose owner is that one's user.
//!
//! ```text
//! spawner ── fork ──▶ first: enters the other's user and process name spaces ── fork ──▶ second: in them; its user
//!   │ ◀── the second's descriptor ──┘                                                      │ clone3, maps of users
//!   │ ◀── the new process's descriptor and its number there ───────────────────────────────┘
//!   └── reaps both; all three are its children
//! ```
//! A process of that user may enter such name spaces, which nobody else of the other sandbox and no other may.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};
use rustix::process::{
    DumpableBehavior, Pid, WaitId, WaitIdOptions, set_dumpable_behavior, waitid,
};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};
use serde::{Deserialize, Serialize};

use super::namespaces::{self, IdMaps};
use super::privilege::{self, SANDBOX_GID, SANDBOX_UID};
use crate::failure::{Failure, at};
use crate::protocol;

/// Each step takes less than a millisecond.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A process below another sandbox.
pub(crate) struct Nested {
    pub(crate) pid: Pid,
    pub(crate) process: OwnedFd,
    /// Its number in the other sandbox.
    pub(crate) number: i32,
}

/// What the two on the way tell.
#[derive(Serialize, Deserialize)]
enum Word {
    /// Comes with the second's descriptor.
    Second,
    /// Comes with the new process's.
    Made {
        number: i32,
    },
    Failed(Failure),
}

/// Starts a process that runs `child`, below the sandbox of the pid 1 `above`, and gives it its users.
pub(crate) fn clone(
    above: BorrowedFd<'_>,
    maps: &IdMaps,
    child: impl FnOnce(),
) -> Result<Nested, Failure> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(at("make a socket"))?;
    sockopt::set_socket_timeout(&ours, sockopt::Timeout::Recv, Some(TIMEOUT))
        .map_err(at("make a socket"))?;
    let (_, first) = namespaces::clone(0, None, || {
        tell(&theirs, enter(above, &theirs, maps, child));
    })
    .map_err(at("fork"))?;
    drop(theirs);
    let mut heard = Heard::default();
    while !heard.is_all() && heard.hear(&ours) {}
    finish(&first);
    heard.second.iter().for_each(finish);
    heard.end()
}

/// What the two have told.
#[derive(Default)]
struct Heard {
    second: Option<OwnedFd>,
    made: Option<(OwnedFd, i32)>,
    failure: Option<Failure>,
}

impl Heard {
    fn is_all(&self) -> bool {
        self.second.is_some() && self.made.is_some()
    }

    /// False when there is no more. Whatever fails, both end, and with them their end of the socket.
    fn hear(&mut self, ours: &OwnedFd) -> bool {
        match protocol::receive::<Word>(ours) {
            Ok(Some((Word::Second, mut sent))) => self.second = sent.pop(),
            Ok(Some((Word::Made { number }, mut sent))) => {
                self.made = sent.pop().map(|process| (process, number));
            }
            Ok(Some((Word::Failed(failure), _))) => self.failure = Some(failure),
            Ok(None) => return false,
            Err(error) => {
                self.failure = Some(at("enter another sandbox")(error));
                return false;
            }
        }
        true
    }

    fn end(self) -> Result<Nested, Failure> {
        let made = match (self.failure, self.made) {
            (Some(failure), _) => Err(failure),
            (None, Some(made)) => Ok(made),
            (None, None) => Err(gone()),
        };
        let (process, number) = made?;
        let pid = number_of(&process).map_err(at("find a new process"))?;
        Ok(Nested {
            pid,
            process,
            number,
        })
    }
}

fn gone() -> Failure {
    Failure::new("enter another sandbox", rustix::io::Errno::CHILD)
}

/// Ends and reaps one of the two, which has no more to do.
fn finish(process: &OwnedFd) {
    // It is a child of this process, and dying: there is no other answer to act upon.
    let _ = super::pidfd::kill(process);
    let _ = waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED);
}

/// As /proc of this process's own name space tells it.
fn number_of(process: &OwnedFd) -> io::Result<Pid> {
    let path = format!("/proc/self/fdinfo/{}", process.as_raw_fd());
    let told = std::fs::read_to_string(path)?;
    let line = told.lines().find_map(|line| line.strip_prefix("Pid:"));
    let number = line.and_then(|number| number.trim().parse().ok());
    number
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))
}

// ---- from here on: the two on the way ----

fn tell(to: &OwnedFd, result: Result<(), Failure>) {
    if let Err(failure) = result {
        // Whoever cannot be told is gone.
        let _ = protocol::send(to, &Word::Failed(failure), &[]);
    }
}

fn enter(
    above: BorrowedFd<'_>,
    to: &OwnedFd,
    maps: &IdMaps,
    child: impl FnOnce(),
) -> Result<(), Failure> {
    let spaces = ThreadNameSpaceType::USER | ThreadNameSpaceType::PROCESS_ID;
    move_into_thread_name_spaces(above, spaces).map_err(at("enter another sandbox"))?;
    let second = namespaces::clone(libc::CLONE_PARENT, None, || {
        tell(to, begin(to, maps, child));
    });
    let (_, second) = second.map_err(at("fork into another sandbox"))?;
    protocol::send(to, &Word::Second, &[second.as_fd()]).map_err(at("tell the spawner"))
}

/// With all capabilities of the other sandbox, until it ends a moment later.
fn begin(to: &OwnedFd, maps: &IdMaps, child: impl FnOnce()) -> Result<(), Failure> {
    privilege::become_user_with_capabilities(SANDBOX_UID, SANDBOX_GID)
        .map_err(at("become another sandbox's user"))?;
    // Or its own files in /proc would be root's. Nothing runs in that sandbox that could look at it.
    set_dumpable_behavior(DumpableBehavior::Dumpable)
        .map_err(at("become another sandbox's user"))?;
    let flags = namespaces::all() | libc::CLONE_PARENT;
    let (there, process) = namespaces::clone(flags, None, child).map_err(at("make name spaces"))?;
    let number = there.as_raw_pid();
    let mapped = number_of(&process).and_then(|pid| maps.give_to(pid));
    if let Err(error) = mapped {
        let _ = super::pidfd::kill(&process);
        return Err(at("map user ids")(error));
    }
    protocol::send(to, &Word::Made { number }, &[process.as_fd()]).map_err(at("tell the spawner"))
}
