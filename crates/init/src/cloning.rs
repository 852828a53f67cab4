//! A clone: the template forked into a fresh sandbox, and put under what every program is under.
//!
//! ```text
//! template ── fork ──▶ first ── in the control groups and name spaces of the fresh sandbox ── fork ──▶ second
//!                        └─ killed                                                                    │
//!     its user, no capability, Landlock, filter with a listener; then it returns from the fork ◀──────┘
//! ```
//! Both stand still throughout: pid 1 makes them make each call, and no instruction of the function runs before the last
//! restriction holds. Between the name spaces and the user they have all capabilities of the fresh sandbox, and so may
//! take its descriptors from its pid 1: nothing is sent.

use crate::descriptors::{DOORS, INPUT, RULES};
use crate::kernel::filter::sock_filter;
use crate::kernel::memory;
use crate::kernel::registers::{Calling, Registers};
use crate::kernel::trace::{Stop, Tracee};
use crate::template::{Template, numbers};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal, pidfd_getfd, pidfd_open};
use std::fs;
use std::os::fd::{OwnedFd, RawFd};

/// The user and the group of every sandbox.
const USER: u64 = 993;
const GROUP: u64 = 990;
/// More than the kernel has.
const CAPABILITIES_MAX: u64 = 64;
/// Where what calls read lies in a page of the clone's own.
const FILTER_AT: u64 = 64;
const CAPABILITIES_AT: u64 = 16;
const FOLDER: &[u8] = b"/var/task\0";
const MYSELF: u64 = b'0' as u64;
/// Of linux/capability.h.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// What all clones of a template are put under.
pub(crate) struct Restrictions {
    pub(crate) filter: Vec<sock_filter>,
    /// Whether the fresh sandbox's pid 1 has rules of Landlock for them.
    pub(crate) landlock: bool,
    /// How many control groups there are to enter.
    pub(crate) doors: usize,
}

/// A process that is ready to run, at its end of the fork.
pub(crate) struct Clone {
    second: Puppet,
    /// By its number in the sandbox that it is in.
    pub(crate) number: i32,
    pub(crate) listener: OwnedFd,
    pub(crate) process: OwnedFd,
}

/// Why there is no clone.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: &'static str,
    pub(crate) errno: Errno,
}

impl Clone {
    /// Lets it run.
    pub(crate) fn release(self) -> Result<(), Errno> {
        let Self { mut second, .. } = self;
        second.tracee.set(&second.registers)?;
        second.tracee.release()?;
        second.is_free = true;
        Ok(())
    }
}

impl Template {
    /// Into the sandbox of the pid 1 with that number here.
    pub(crate) fn fork_into(
        &self,
        init: Pid,
        restrictions: &Restrictions,
    ) -> Result<Clone, Failure> {
        let first = self.fork_of(self.tracee).map_err(at("fork the template"))?;
        let page = first.write(restrictions).map_err(at("give it memory"))?;
        let source = first.open(init).map_err(at("find the fresh sandbox"))?;
        for door in 0..restrictions.doors {
            let door = DOORS + door as RawFd;
            first
                .enter(source, door, page.text)
                .map_err(at("enter a control group"))?;
        }
        for (from, to) in [
            (INPUT, 0),
            (libc::STDOUT_FILENO, 1),
            (libc::STDERR_FILENO, 2),
        ] {
            first
                .take(source, from, to)
                .map_err(at("take its streams"))?;
        }
        let rules = match restrictions.landlock {
            true => Some(first.get(source, RULES).map_err(at("take rules"))?),
            false => None,
        };
        first
            .call(libc::SYS_setns, [source, SPACES, 0, 0, 0, 0])
            .map_err(at("enter name spaces"))?;
        let second = self
            .fork_of(first.tracee)
            .map_err(at("fork into name spaces"))?;
        drop(first);
        second
            .become_its_user(&page)
            .map_err(at("become its user"))?;
        let listener = second
            .restrict(&page, rules)
            .map_err(at("restrict a clone"))?;
        second.finish(&page, listener)
    }

    /// What stands where the template stands forks like it.
    fn fork_of(&self, parent: Tracee) -> Result<Puppet, Errno> {
        let more = (libc::CLONE_PARENT | libc::CLONE_PTRACE | libc::SIGCHLD) as u64;
        let number = self.child_number;
        let (fourth, fifth) = if cfg!(target_arch = "x86_64") {
            (number, 0)
        } else {
            (0, number)
        };
        let fork = Calling {
            number: libc::SYS_clone,
            arguments: [self.flags | more, 0, 0, fourth, fifth, 0],
        };
        let child = parent.call(&self.registers, fork)?;
        let child = i32::try_from(child).ok().and_then(Pid::from_raw);
        let child = Puppet {
            tracee: Tracee(child.ok_or(Errno::SRCH)?),
            registers: self.registers,
            is_free: false,
        };
        match child.tracee.wait()? {
            Stop::Event => Ok(child),
            _ => Err(Errno::SRCH),
        }
    }
}

const SPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

fn at(step: &'static str) -> impl Fn(Errno) -> Failure {
    move |errno| Failure { step, errno }
}

/// Memory of a clone's own that its calls read. It is not shared, so nobody changes it meanwhile.
struct Page {
    start: u64,
    bytes: u64,
    /// What enters a control group.
    text: u64,
    folder: u64,
}

/// A process that stands still and makes the calls it is told to. Killed when dropped.
struct Puppet {
    tracee: Tracee,
    registers: Registers,
    is_free: bool,
}

impl Drop for Puppet {
    fn drop(&mut self) {
        if !self.is_free {
            // Reaped like any child of pid 1.
            let _ = rustix::process::kill_process(self.tracee.0, Signal::KILL);
        }
    }
}

impl Puppet {
    fn call(&self, number: i64, arguments: [u64; 6]) -> Result<u64, Errno> {
        let calling = Calling { number, arguments };
        self.tracee
            .call(&self.registers, calling)
            .map(|result| result as u64)
    }

    fn write(&self, restrictions: &Restrictions) -> Result<Page, Errno> {
        let filter = restrictions.filter.iter().flat_map(|instruction| {
            let sock_filter { code, jt, jf, k } = *instruction;
            let ([a, b], [c, d, e, f]) = (code.to_ne_bytes(), k.to_ne_bytes());
            [a, b, jt, jf, c, d, e, f]
        });
        let filter: Vec<u8> = filter.collect();
        let text = FILTER_AT + filter.len() as u64;
        let folder = text + 8;
        let bytes = (folder + FOLDER.len() as u64).next_multiple_of(4096);
        let (readable, private) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        let start = self.call(
            libc::SYS_mmap,
            [0, bytes, readable as u64, private as u64, u64::MAX, 0],
        )?;
        let mut content = Vec::with_capacity(bytes as usize);
        let length = u64::from(u16::try_from(restrictions.filter.len()).map_err(|_| Errno::INVAL)?);
        content.extend(length.to_ne_bytes());
        content.extend((start + FILTER_AT).to_ne_bytes());
        content.extend(CAPABILITY_VERSION.to_ne_bytes());
        content.resize(FILTER_AT as usize, 0);
        content.extend(filter);
        content.extend(MYSELF.to_ne_bytes());
        content.extend(FOLDER);
        memory::write(self.tracee.0, start, &content)?;
        Ok(Page {
            start,
            bytes,
            text: start + text,
            folder: start + folder,
        })
    }

    fn open(&self, init: Pid) -> Result<u64, Errno> {
        let number = init.as_raw_pid() as u64;
        self.call(libc::SYS_pidfd_open, [number, 0, 0, 0, 0, 0])
    }

    /// A copy of what the fresh sandbox's pid 1 has at a number.
    fn get(&self, source: u64, number: RawFd) -> Result<u64, Errno> {
        self.call(libc::SYS_pidfd_getfd, [source, number as u64, 0, 0, 0, 0])
    }

    /// The same, at a number of its own.
    fn take(&self, source: u64, from: RawFd, to: u64) -> Result<(), Errno> {
        let copy = self.get(source, from)?;
        self.call(libc::SYS_dup3, [copy, to, 0, 0, 0, 0])?;
        self.close(copy)
    }

    fn enter(&self, source: u64, door: RawFd, text: u64) -> Result<(), Errno> {
        let door = self.get(source, door)?;
        self.call(libc::SYS_write, [door, text, 1, 0, 0, 0])?;
        self.close(door)
    }

    fn close(&self, number: u64) -> Result<(), Errno> {
        self.call(libc::SYS_close, [number, 0, 0, 0, 0, 0])
            .map(drop)
    }

    fn become_its_user(&self, page: &Page) -> Result<(), Errno> {
        self.call(libc::SYS_setsid, [0; 6])?;
        self.call(libc::SYS_chdir, [page.folder, 0, 0, 0, 0, 0])?;
        self.call(libc::SYS_setresgid, [GROUP, GROUP, GROUP, 0, 0, 0])?;
        self.call(libc::SYS_setresuid, [USER, USER, USER, 0, 0, 0])?;
        let drop_one = libc::PR_CAPBSET_DROP as u64;
        for number in 0..CAPABILITIES_MAX {
            match self.call(libc::SYS_prctl, [drop_one, number, 0, 0, 0, 0]) {
                Ok(_) => {}
                // Unknown to this kernel, as are all beyond it.
                Err(Errno::INVAL) => break,
                Err(error) => return Err(error),
            }
        }
        // Behind the version are the number of this process and three empty sets, twice: zeros.
        let header = page.start + CAPABILITIES_AT;
        self.call(libc::SYS_capset, [header, header + 8, 0, 0, 0, 0])?;
        // Pid 1 must look at its memory, as at any program's.
        let dumpable = libc::PR_SET_DUMPABLE as u64;
        self.call(libc::SYS_prctl, [dumpable, 1, 0, 0, 0, 0])
            .map(drop)
    }

    /// Returns the number of the listener.
    fn restrict(&self, page: &Page, rules: Option<u64>) -> Result<u64, Errno> {
        if let Some(rules) = rules {
            self.call(libc::SYS_landlock_restrict_self, [rules, 0, 0, 0, 0, 0])?;
        }
        let mode = u64::from(libc::SECCOMP_SET_MODE_FILTER);
        let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        self.call(libc::SYS_seccomp, [mode, flags, page.start, 0, 0, 0])
    }

    /// Nothing that was for its making is left.
    fn finish(self, page: &Page, listener: u64) -> Result<Clone, Failure> {
        let process = pidfd_open(self.tracee.0, PidfdFlags::empty()).map_err(at("find a clone"))?;
        let number = RawFd::try_from(listener).map_err(|_| at("take a listener")(Errno::BADF))?;
        let listener = pidfd_getfd(&process, number, PidfdGetfdFlags::empty())
            .map_err(at("take a listener"))?;
        self.call(libc::SYS_close_range, [3, u64::from(u32::MAX), 0, 0, 0, 0])
            .and_then(|_| self.call(libc::SYS_munmap, [page.start, page.bytes, 0, 0, 0, 0]))
            .map_err(at("clear up"))?;
        let status = fs::read_to_string(format!("/proc/{}/status", self.tracee.0.as_raw_pid()));
        let status = status.map_err(|_| at("find a clone")(Errno::SRCH))?;
        let number = numbers(&status).nth(1);
        Ok(Clone {
            number: number.ok_or_else(|| at("find a clone")(Errno::SRCH))?,
            second: self,
            listener,
            process,
        })
    }
}
