//! The priority of pid 1 before all else in its sandbox.
//!
//! It has to kill what the function has started, and among a thousand processes that fork without end it would wait
//! its turn for a second. Its children are ordinary again: the kernel resets them.

use std::io;

use rustix::process::{Pid, setpriority_process};

const FIRST: i32 = -20;

/// That of this process and its children, for a moment's work that others wait for. Needs privilege.
pub(crate) fn raise_self() -> rustix::io::Result<()> {
    setpriority_process(None, FIRST)
}

/// Needs privilege; without it a sandbox that cannot be cleared in time is given up as a whole.
pub(crate) fn raise(process: Pid) -> io::Result<()> {
    // SAFETY: all fields of the structure are integers, for which zero is valid.
    let parameters: libc::sched_param = unsafe { std::mem::zeroed() };
    let policy = libc::SCHED_OTHER | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the structure is read during the call alone.
    match unsafe { libc::sched_setscheduler(process.as_raw_pid(), policy, &raw const parameters) } {
        0 => Ok(setpriority_process(Some(process), FIRST)?),
        _ => Err(io::Error::last_os_error()),
    }
}
