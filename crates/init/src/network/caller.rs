//! Who makes a call, and copies of what it names: files by their numbers, addresses in its memory.

use crate::kernel::memory;
use crate::kernel::sockets::RawAddress;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, read};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};
use std::fs;
use std::os::fd::{OwnedFd, RawFd};
use std::path::PathBuf;
use std::rc::Rc;

/// Of linux/pidfd.h, since 6.9: a thread by its own number, which may have files of its own.
const PIDFD_THREAD: u32 = libc::O_EXCL as u32;

/// Longest of the kernel's lines about a thread and its files that are looked for, and what is before it.
const LINES_BYTES: usize = 512;

/// A thread that waits for the answer to its call.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    thread: Pid,
    process: Rc<OwnedFd>,
    /// Whether the descriptor is the thread's own, and not its process's.
    is_exact: bool,
}

/// The last one, as most programs connect one socket after the other in one thread.
#[derive(Debug, Default)]
pub(super) struct LastCaller(Option<Caller>);

impl LastCaller {
    /// A thread with a copy of the file that it has at a number.
    pub(super) fn with_copy(
        &mut self,
        thread: Pid,
        number: RawFd,
    ) -> Result<(Caller, OwnedFd), Errno> {
        if let Some(known) = self.0.take_if(|known| known.thread == thread) {
            // As long as a thread lives, nobody else has its number: a copy tells that it does.
            if let Ok(file) = known.copy(number) {
                self.0 = Some(known.clone());
                return Ok((known, file));
            }
        }
        let caller = Caller::open(thread)?;
        self.0 = caller.is_exact.then(|| caller.clone());
        let file = caller.copy(number)?;
        Ok((caller, file))
    }

    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

impl Caller {
    pub(super) fn open(thread: Pid) -> Result<Self, Errno> {
        let by_thread = PidfdFlags::from_bits_retain(PIDFD_THREAD);
        let (process, is_exact) = match pidfd_open(thread, by_thread) {
            Err(Errno::INVAL) => (pidfd_open(process_of(thread)?, PidfdFlags::empty())?, false),
            opened => (opened?, true),
        };
        Ok(Self {
            thread,
            process: Rc::new(process),
            is_exact,
        })
    }

    /// A copy of the file that it has at a number.
    pub(super) fn copy(&self, number: RawFd) -> Result<OwnedFd, Errno> {
        pidfd_getfd(&*self.process, number, PidfdGetfdFlags::empty())
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
        let flags = self.told_by(&format!("fdinfo/{number}"), "flags:");
        flags.is_some_and(|flags| flags & libc::O_CLOEXEC as u32 != 0)
    }

    /// The modes that it takes from what it makes.
    pub(super) fn mask(&self) -> Option<u32> {
        self.told_by("status", "Umask:")
    }

    /// The octal number behind a name, near the beginning of one of the kernel's files about it.
    fn told_by(&self, file: &str, name: &str) -> Option<u32> {
        let path = format!("/proc/{}/{file}", self.thread.as_raw_pid());
        let file = openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut lines = [0; LINES_BYTES];
        let length = read(&file, &mut lines).ok()?;
        octal(std::str::from_utf8(&lines[..length]).ok()?, name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_thread_is_known_again_as_long_as_it_lives() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let thread = Pid::from_child(&child);
        let mut last = LastCaller::default();
        let (first, _) = last.with_copy(thread, 0).unwrap();
        let (second, _) = last.with_copy(thread, 0).unwrap();
        assert!(Rc::ptr_eq(&first.process, &second.process));
        let bad = last.with_copy(thread, 999).map(drop);
        assert_eq!(bad, Err(Errno::BADF));
        // Of another thread nothing is known.
        let (own, _) = last.with_copy(rustix::process::getpid(), 0).unwrap();
        assert!(!Rc::ptr_eq(&first.process, &own.process));
        last.with_copy(thread, 0).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(last.with_copy(thread, 0).map(drop), Err(Errno::SRCH));
    }

    #[test]
    fn the_kernel_s_lines_are_read() {
        let caller = Caller::open(rustix::process::getpid()).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert!(caller.closes_on_exec(number));
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
        assert!(!caller.closes_on_exec(number));
        assert!(caller.mask().is_some());
    }
}
