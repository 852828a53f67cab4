//! Descriptors that pid 1 was executed with.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The one at this number. To be taken once.
pub(crate) fn take(number: RawFd) -> OwnedFd {
    // SAFETY: the spawner has put it there before this program was executed, and nothing else owns it. Were it not
    // there, calls with it would fail.
    unsafe { OwnedFd::from_raw_fd(number) }
}
