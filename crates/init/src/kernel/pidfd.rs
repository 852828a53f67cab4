//! How a process ended that is not a child of this one.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, OwnedFd};

/// Of linux/pidfd.h, since 6.15.
const EXIT: u64 = 1 << 3;
const GET_INFO: libc::Ioctl = libc::_IOWR::<Info>(0xff, 11);

/// The first version of the structure.
#[repr(C)]
struct Info {
    mask: u64,
    group: u64,
    ids: [u32; 11],
    exit_status: i32,
}

/// What `wait` would tell of it, once whose child it is has heard of its end.
pub(crate) fn exit_status(process: &OwnedFd) -> Result<Option<i32>, Errno> {
    let mut info = Info {
        mask: EXIT,
        group: 0,
        ids: [0; 11],
        exit_status: 0,
    };
    // SAFETY: the number of the request holds the size of the structure, beyond which the kernel does not write.
    check(unsafe { libc::ioctl(process.as_raw_fd(), GET_INFO, &raw mut info) })?;
    Ok((info.mask & EXIT != 0).then_some(info.exit_status))
}
