//! Who makes a call, and copies of what it names: files by their numbers, addresses in its memory.

use crate::kernel::memory;
use crate::kernel::sockets::RawAddress;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::fs;
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;

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
        self.read(at, bytes)?;
        RawAddress::new(bytes).ok_or(Errno::INVAL)
    }

    /// Fills `bytes` from a place of its memory.
    pub(super) fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        memory::read(self.thread, at, bytes)
    }

    /// Puts `bytes` at a place of its memory.
    pub(super) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), Errno> {
        memory::write(self.thread, at, bytes)
    }

    /// Its own folder in /proc.
    pub(super) fn folder(&self) -> PathBuf {
        format!("/proc/{}", self.thread.as_raw_pid()).into()
    }

    /// Whether it wants the file at a number to be closed when it executes another program.
    pub(super) fn closes_on_exec(&self, number: RawFd) -> bool {
        let text = fs::read_to_string(self.folder().join(format!("fdinfo/{number}")));
        let flags = text.ok().and_then(|text| octal(&text, "flags:"));
        flags.is_some_and(|flags| flags & libc::O_CLOEXEC as u32 != 0)
    }

    /// The modes that it takes from what it makes.
    pub(super) fn mask(&self) -> Option<u32> {
        octal(
            &fs::read_to_string(self.folder().join("status")).ok()?,
            "Umask:",
        )
    }
}

/// The number of a line of one of the kernel's files.
fn octal(text: &str, name: &str) -> Option<u32> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    u32::from_str_radix(value.trim(), 8).ok()
}

/// On kernels that know processes alone by descriptor.
fn process_of(thread: Pid) -> Result<Pid, Errno> {
    let status = fs::read_to_string(format!("/proc/{}/status", thread.as_raw_pid()));
    let status = status.map_err(|_| Errno::SRCH)?;
    let number = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    let number = number.and_then(|number| number.trim().parse().ok());
    number.and_then(Pid::from_raw).ok_or(Errno::SRCH)
}
