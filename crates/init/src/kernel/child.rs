//! A process of pid 1's own, and the restrictions that it puts itself under before it becomes a program.

use super::filter::{self, sock_filter};
use super::{check, landlock};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::OwnedFd;

/// A copy of this process, which gets `None`.
pub(crate) fn fork() -> Result<Option<Pid>, Errno> {
    // SAFETY: this program has one thread, so the copy finds no lock that another one holds, and may do whatever this
    // process may.
    let pid = check(unsafe { libc::fork() })?;
    Ok(i32::try_from(pid).ok().and_then(Pid::from_raw))
}

/// Puts this process and all it will start under a filter. Returns the listener by which its calls are heard.
pub(crate) fn restrict(program: &[sock_filter], has_landlock: bool) -> Result<OwnedFd, Errno> {
    if has_landlock {
        landlock::take_tcp()?;
    }
    filter::install(program)
}

/// The same under a filter that asks nobody.
pub(crate) fn restrict_alone(program: &[sock_filter]) -> Result<(), Errno> {
    filter::install_alone(program)
}
