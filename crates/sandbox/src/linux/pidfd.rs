//! Processes by descriptor: a number can be taken over by another process, a descriptor cannot.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

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

/// Ends and reaps a child that has no more to do; false if it has not died until then.
pub(crate) fn finish(child: &OwnedFd, until: Instant) -> bool {
    // It is a child of this process, and dying: there is no other answer to act upon.
    let _ = kill(child);
    let _ = becomes_readable(child, until.saturating_duration_since(Instant::now()));
    reap(child)
}

/// Whether there is something to be read within that time, without reading it.
pub(crate) fn becomes_readable(descriptor: impl AsFd, within: Duration) -> io::Result<bool> {
    let within = Timespec::try_from(within).map_err(io::Error::other)?;
    let mut wanted = [PollFd::new(&descriptor, PollFlags::IN)];
    Ok(poll(&mut wanted, Some(&within))? > 0)
}

/// Whether the process has ended.
pub(crate) fn has_ended(process: impl AsFd) -> bool {
    is_readable(process)
}

/// Whether there is something to be read, without reading it.
pub(crate) fn is_readable(descriptor: impl AsFd) -> bool {
    becomes_readable(descriptor, Duration::ZERO).unwrap_or(false)
}
