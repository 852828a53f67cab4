//! The end of a clone, told by the pid 1 that made it, whose child it is, to the one whose program it is: an event file
//! that counts one more than its status. Before Linux 6.15 nobody but a parent learns of that.

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// Of one clone; nothing is told yet.
pub(crate) fn open() -> Result<OwnedFd, Errno> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
}

/// Tells the status, as `wait` does.
pub(crate) fn tell(file: &OwnedFd, status: i32) {
    let told = u64::from(status.unsigned_abs()) + 1;
    // It is told once, for which there is room.
    let _ = rustix::io::write(file, &told.to_ne_bytes());
}

/// What was told.
pub(crate) fn read(file: &OwnedFd) -> Result<i32, Errno> {
    let mut told = [0; 8];
    rustix::io::read(file, &mut told)?;
    i32::try_from(u64::from_ne_bytes(told) - 1).map_err(|_| Errno::PROTO)
}
