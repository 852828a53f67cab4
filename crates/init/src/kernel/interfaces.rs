//! What the kernel tells of the interfaces of a socket's network.

use super::check;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `struct ifreq`: a name, and what is asked or told of it.
pub(crate) type Entry = [u8; ENTRY_BYTES];
const ENTRY_BYTES: usize = size_of::<libc::ifreq>();

/// More than a network of loopback alone has.
const ENTRIES_MAX: usize = 64;

/// Puts the answer to a question about one interface in its place. The question must be one that the kernel answers
/// within a `struct ifreq`, without following a pointer in it.
pub(crate) fn ask(socket: BorrowedFd<'_>, question: u32, entry: &mut Entry) -> Result<(), Errno> {
    // SAFETY: the filter of programs lets through such questions alone, which read and write a structure of this size.
    check(unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            question as libc::Ioctl,
            entry.as_mut_ptr(),
        )
    })
    .map(drop)
}

/// Names and addresses.
pub(crate) fn all(socket: BorrowedFd<'_>) -> Result<Vec<Entry>, Errno> {
    let mut entries = vec![[0; ENTRY_BYTES]; ENTRIES_MAX];
    let mut list = libc::ifconf {
        ifc_len: (ENTRIES_MAX * size_of::<Entry>()) as libc::c_int,
        ifc_ifcu: libc::__c_anonymous_ifc_ifcu {
            ifcu_buf: entries.as_mut_ptr().cast(),
        },
    };
    // SAFETY: the kernel writes at most `ifc_len` bytes to a buffer of that length.
    check(unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCGIFCONF as libc::Ioctl,
            &raw mut list,
        )
    })?;
    entries.truncate(list.ifc_len as usize / size_of::<Entry>());
    Ok(entries)
}
