//! A sandbox ends with the spawner, whatever ends the spawner.

use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::pidfd;

/// Asks the kernel for SIGKILL when the parent dies. The wish is lost with every change of user id, so it is
/// repeated after it; the look at the parent afterwards closes the gap before the call.
pub(crate) fn follow(parent: impl AsFd) -> rustix::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if pidfd::has_ended(parent) {
        Err(Errno::SRCH)
    } else {
        Ok(())
    }
}
