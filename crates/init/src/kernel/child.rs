//! A process of pid 1's own, and the restrictions that it puts itself under before it becomes a program.

use super::filter::{self, sock_filter};
use super::{check, landlock};
use rustix::io::Errno;
use rustix::process::Pid;
use std::convert::Infallible;
use std::ffi::{CStr, CString};
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

/// Becomes the program at this path, as the kernel reads it: no shell takes what it does not. Like any program it hears
/// of a reader that is gone, by a signal.
pub(crate) fn execute(path: &CStr, argv: &[CString], env: &[CString]) -> Result<Infallible, Errno> {
    // SAFETY: sets how a signal is taken, by no function of this program.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    nix::unistd::execve(path, argv, env).map_err(|error| Errno::from_raw_os_error(error as i32))
}
