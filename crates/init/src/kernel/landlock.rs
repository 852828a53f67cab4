//! Landlock's rules for TCP, the second layer: a program under them can connect and bind nothing, so what another
//! layer would let through by a mistake goes nowhere. Pid 1, which does both for it, is not under them.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Of linux/landlock.h: the rights that rules can be about, as far as version 4 of the interface knows them.
#[repr(C)]
struct Handled {
    files: u64,
    network: u64,
}

const BIND_TCP: u64 = 1;
const CONNECT_TCP: u64 = 2;
/// Takes TCP from this process and all it will start. It needs no_new_privs. Makes no memory and takes no lock.
pub(super) fn take_tcp() -> Result<(), Errno> {
    let handled = Handled {
        files: 0,
        network: BIND_TCP | CONNECT_TCP,
    };
    // SAFETY: the kernel reads a structure of that size, which lives until the call returns.
    let rules = check(unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const handled,
            size_of::<Handled>(),
            0,
        )
    })?;
    // SAFETY: the kernel has made this descriptor, and nothing else owns it.
    let rules = unsafe { OwnedFd::from_raw_fd(rules as RawFd) };
    // SAFETY: the call takes numbers.
    check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0) })
        .map(drop)
}
