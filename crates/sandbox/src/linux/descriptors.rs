//! The descriptors of a sandbox's first process: each at a fixed number, and no other.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Above every fixed number, below every limit.
const ASIDE: RawFd = 32;

/// Puts each given descriptor at its index, closes all others, and marks as close-on-exec those from
/// `kept` on. Slots without a descriptor are closed too.
///
/// Only for a fresh copy of a process, which never touches what it owned before: every number changes its
/// meaning here.
pub(crate) fn arrange(slots: &[Option<BorrowedFd<'_>>], kept: usize) -> io::Result<()> {
    let mut aside = [None; ASIDE as usize];
    for (slot, place) in slots.iter().zip(&mut aside) {
        if let Some(descriptor) = slot {
            // SAFETY: duplicates an open descriptor; touches no memory.
            *place = Some(check(unsafe {
                libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, ASIDE)
            })?);
        }
    }
    close(0, ASIDE - 1)?;
    for (index, descriptor) in aside.iter().enumerate().take(slots.len()) {
        let flags = if index < kept { 0 } else { libc::O_CLOEXEC };
        if let Some(descriptor) = descriptor {
            // SAFETY: duplicates a descriptor opened above; touches no memory.
            check(unsafe { libc::dup3(*descriptor, index as RawFd, flags) })?;
        }
    }
    close_from(ASIDE)
}

/// Puts a descriptor in the place of another one, to be kept when another program is executed.
pub(crate) fn keep(descriptor: &OwnedFd, number: RawFd) -> io::Result<()> {
    // SAFETY: duplicates an open descriptor in the place of one that `arrange` has put there, which nobody uses; touches
    // no memory.
    check(unsafe { libc::dup2(descriptor.as_raw_fd(), number) }).map(drop)
}

/// Closes all from that number on, in a process that `arrange` was for.
pub(crate) fn close_from(first: RawFd) -> io::Result<()> {
    close(first, RawFd::MAX)
}

fn close(first: RawFd, last: RawFd) -> io::Result<()> {
    // SAFETY: closing descriptors touches no memory; the caller's copy of this process uses none of them.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn check(result: libc::c_int) -> io::Result<RawFd> {
    if result >= 0 {
        Ok(result)
    } else {
        Err(io::Error::last_os_error())
    }
}
