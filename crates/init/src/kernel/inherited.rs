//! Descriptors that pid 1 was executed with.

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The one at this number, for this process alone: no program inherits it. To be taken once.
pub(crate) fn take(number: RawFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the spawner has put it there before this program was executed, and nothing else owns it. Were it not
    // there, calls with it would fail.
    let inherited = unsafe { OwnedFd::from_raw_fd(number) };
    fcntl_setfd(&inherited, FdFlags::CLOEXEC)?;
    Ok(inherited)
}
