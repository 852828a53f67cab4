//! Processes by descriptor: a number can be taken over by another process, a descriptor cannot.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, pidfd_open, pidfd_send_signal, waitid,
};

/// This very process.
pub(crate) fn of_self() -> rustix::io::Result<OwnedFd> {
    pidfd_open(getpid(), PidfdFlags::empty())
}

/// Kills; for the first process of a PID name space that kills all in it. One that is gone is no error.
pub(crate) fn kill(process: impl AsFd) -> rustix::io::Result<()> {
    match pidfd_send_signal(process, Signal::KILL) {
        Err(Errno::SRCH) => Ok(()),
        other => other,
    }
}

/// Takes the remains of a child that has ended; false while it lives.
pub(crate) fn reap(child: impl AsFd) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::PidFd(child.as_fd()), options), Ok(None))
}

/// Whether the process has ended.
pub(crate) fn has_ended(process: impl AsFd) -> bool {
    is_readable(process)
}

/// Whether there is something to be read, without reading it.
pub(crate) fn is_readable(descriptor: impl AsFd) -> bool {
    let mut wanted = [PollFd::new(&descriptor, PollFlags::IN)];
    matches!(
        poll(
            &mut wanted,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0
            })
        ),
        Ok(1..)
    )
}
