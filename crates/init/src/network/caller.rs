//! Who makes a call, and copies of what it names: files by their numbers, addresses in its memory.

use crate::kernel::memory;
use crate::kernel::sockets::RawAddress;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::fs;
use std::os::fd::{OwnedFd, RawFd};

/// Of linux/pidfd.h, since 6.9: a thread by its own number, which may have files of its own.
const PIDFD_THREAD: u32 = libc::O_EXCL as u32;

/// A thread that waits for the answer to its call.
#[derive(Debug)]
pub(super) struct Caller {
    thread: Pid,
    process: OwnedFd,
}

impl Caller {
    pub(super) fn open(thread: Pid) -> Result<Self, Errno> {
        let by_thread = PidfdFlags::from_bits_retain(PIDFD_THREAD);
        let process = match pidfd_open(thread, by_thread) {
            Err(Errno::INVAL) => pidfd_open(process_of(thread)?, PidfdFlags::empty())?,
            opened => opened?,
        };
        Ok(Self { thread, process })
    }

    /// A copy of the file that it has at a number.
    pub(super) fn copy(&self, number: RawFd) -> Result<OwnedFd, Errno> {
        pidfd_getfd(&self.process, number, PidfdGetfdFlags::empty())
    }

    /// The address at a place of its memory, read once.
    pub(super) fn address(&self, at: u64, length: u64) -> Result<RawAddress, Errno> {
        // The kernel takes a signed number of 32 bits.
        let length = usize::try_from(length as i32).map_err(|_| Errno::INVAL)?;
        let mut bytes = [0; RawAddress::BYTES_MAX];
        let bytes = bytes.get_mut(..length).ok_or(Errno::INVAL)?;
        if length > 0 {
            memory::read(self.thread, at, bytes)?;
        }
        RawAddress::new(bytes).ok_or(Errno::INVAL)
    }

    /// Whether it wants the file at a number to be closed when it executes another program.
    pub(super) fn closes_on_exec(&self, number: RawFd) -> bool {
        let path = format!("/proc/{}/fdinfo/{number}", self.thread.as_raw_pid());
        let Ok(text) = fs::read_to_string(path) else {
            return false;
        };
        let flags = text.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|octal| i32::from_str_radix(octal.trim(), 8).ok());
        flags.is_some_and(|flags| flags & libc::O_CLOEXEC != 0)
    }
}

/// On kernels that know processes alone by descriptor.
fn process_of(thread: Pid) -> Result<Pid, Errno> {
    let status = fs::read_to_string(format!("/proc/{}/status", thread.as_raw_pid()));
    let status = status.map_err(|_| Errno::SRCH)?;
    let number = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    let number = number.and_then(|number| number.trim().parse().ok());
    number.and_then(Pid::from_raw).ok_or(Errno::SRCH)
}
