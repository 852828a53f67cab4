//! Memory of a program that waits for the answer to its call.

use super::{check, finish};
use rustix::io::Errno;
use rustix::process::Pid;

/// Fills `bytes` from `address` on; EFAULT if less than all of it is there.
pub(crate) fn read(process: Pid, address: u64, bytes: &mut [u8]) -> Result<(), Errno> {
    let here = libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    };
    let there = place(address, bytes.len());
    // SAFETY: the kernel writes at most `iov_len` bytes to a slice of that length; of the other process it reads what
    // is mapped there, and fails where nothing is.
    let count = finish(|| unsafe {
        check(libc::process_vm_readv(
            process.as_raw_pid(),
            &raw const here,
            1,
            &raw const there,
            1,
            0,
        ) as i64)
    })?;
    whole(count, bytes.len())
}

/// Puts `bytes` at `address` and behind it; EFAULT if less than all of it is there and may be written.
pub(crate) fn write(process: Pid, address: u64, bytes: &[u8]) -> Result<(), Errno> {
    let here = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let there = place(address, bytes.len());
    // SAFETY: the kernel reads `iov_len` bytes from a slice of that length, and writes to the other process where it
    // may write itself.
    let count = finish(|| unsafe {
        check(libc::process_vm_writev(
            process.as_raw_pid(),
            &raw const here,
            1,
            &raw const there,
            1,
            0,
        ) as i64)
    })?;
    whole(count, bytes.len())
}

fn place(address: u64, length: usize) -> libc::iovec {
    libc::iovec {
        // A number for the kernel alone, which is never a pointer of this process.
        iov_base: std::ptr::without_provenance_mut(address as usize),
        iov_len: length,
    }
}

fn whole(count: i64, length: usize) -> Result<(), Errno> {
    if usize::try_from(count) == Ok(length) {
        Ok(())
    } else {
        Err(Errno::FAULT)
    }
}
