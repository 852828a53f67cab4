//! Memory of a program that waits for the answer to its call.

use super::{check, finish};
use rustix::io::Errno;
use rustix::process::Pid;

/// `process_vm_readv` or `process_vm_writev`.
type Copying = unsafe extern "C" fn(
    libc::pid_t,
    *const libc::iovec,
    libc::c_ulong,
    *const libc::iovec,
    libc::c_ulong,
    libc::c_ulong,
) -> libc::ssize_t;

/// Fills `bytes` from `address` on; EFAULT if less than all of it is there.
pub(crate) fn read(process: Pid, address: u64, bytes: &mut [u8]) -> Result<(), Errno> {
    let (here, length) = (bytes.as_mut_ptr(), bytes.len());
    // SAFETY: the kernel writes at most `length` bytes to a slice of that length, which lives as long as the call.
    unsafe { copy(libc::process_vm_readv, process, address, here, length) }
}

/// Puts `bytes` at `address` and behind it; EFAULT if less than all of it is there and may be written.
pub(crate) fn write(process: Pid, address: u64, bytes: &[u8]) -> Result<(), Errno> {
    let (here, length) = (bytes.as_ptr().cast_mut(), bytes.len());
    // SAFETY: the kernel only reads here, at most `length` bytes from a slice of that length, which lives as long as
    // the call.
    unsafe { copy(libc::process_vm_writev, process, address, here, length) }
}

/// # Safety
/// `copying` may do at `here` what it does, for that length.
unsafe fn copy(
    copying: Copying,
    process: Pid,
    address: u64,
    here: *mut u8,
    length: usize,
) -> Result<(), Errno> {
    let vector = |base: *mut u8| libc::iovec {
        iov_base: base.cast(),
        iov_len: length,
    };
    // A number for the kernel alone, which is never a pointer of this process.
    let there = vector(std::ptr::without_provenance_mut(address as usize));
    let (here, process) = (vector(here), process.as_raw_pid());
    // SAFETY: the caller answers for `here`. At the other process the kernel touches what is mapped there and may be
    // touched so, and fails where nothing is.
    let copied = || unsafe { copying(process, &raw const here, 1, &raw const there, 1, 0) };
    let count = finish(|| check(copied() as i64))?;
    match usize::try_from(count) == Ok(length) {
        true => Ok(()),
        false => Err(Errno::FAULT),
    }
}
