//! A clone: the template forked into a fresh sandbox, and put under what every program is under.
//!
//! ```text
//! template ── fork ──▶ first ── in the control groups and name spaces of the fresh sandbox ── fork ──▶ second
//!                        └─ killed                                                                    │
//!     its user, no capability, Landlock, filter with a listener; then it returns from the fork ◀──────┘
//! ```
//! Both stand still throughout but for the calls that pid 1 makes them make (`calls`), and no instruction of the function runs before the last
//! restriction holds. Between the name spaces and the user they have all capabilities of the fresh sandbox, and so may
//! take its descriptors from its pid 1: nothing is sent.

use crate::calls;
use crate::kernel::filter::sock_filter;
use crate::kernel::memory;
use crate::kernel::registers::{Calling, Registers};
use crate::kernel::script::{self, ENTRY_BYTES};
use crate::kernel::trace::{Stop, Tracee};
use crate::status::number_of;
use crate::template::Template;
use crate::verification::{Init, Subject};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Resource, Rlimit, Signal, pidfd_getfd, pidfd_open, prlimit,
};
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// For all steps, which take a millisecond or two. Whoever asks for a clone waits twice as long, and so learns which
/// step it was.
const TIMEOUT: Duration = Duration::from_secs(1);
const FORK: &str = "fork the template";
const FIND: &str = "find the fresh sandbox";
/// Room for the calls, and what they read beside the filter.
const CALLS_BYTES: u64 = 8_192;
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
    /// The highest number of a capability of this kernel.
    pub(crate) last_capability: u64,
    /// How many processes each may have, and, at most, all of them together.
    pub(crate) processes: Rlimit,
}

/// A process that is ready to run, at its end of the fork.
pub(crate) struct Clone {
    second: Puppet,
    /// By its number in the sandbox that it is in.
    pub(crate) number: i32,
    pub(crate) listener: OwnedFd,
}

/// Why there is no clone.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) step: &'static str,
    pub(crate) errno: Errno,
}

impl Failure {
    /// Whether the template itself goes on, nobody knows for how long: it stands still no more.
    pub(crate) fn is_the_templates_end(&self) -> bool {
        self.step == FORK && self.errno == Errno::TIMEDOUT
    }
}

impl Clone {
    pub(crate) fn pid(&self) -> Pid {
        self.second.tracee.0
    }

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
    /// Into the sandbox of that pid 1.
    pub(crate) fn fork_into(
        &self,
        init: &OwnedFd,
        restrictions: &Restrictions,
    ) -> Result<Clone, Failure> {
        let number = number_of(init).map_err(at(FIND))?;
        let until = Instant::now() + TIMEOUT;
        let first = self.fork_of(self.tracee, until);
        let first = first.map_err(at(FORK))?;
        // The template has room for all of them.
        limit(first.tracee.0, restrictions.processes.current).map_err(at("limit its processes"))?;
        let page = first
            .prepare(number, restrictions)
            .map_err(at("give it memory"))?;
        first.run(&page, &page.entry)?;
        let second = self.fork_of(first.tracee, until);
        let second = second.map_err(at("fork into name spaces"))?;
        drop(first);
        let listener = second.run(&page, &page.restriction)?;
        let init = Init {
            process: init.as_fd(),
            number,
        };
        second.finish(&page, listener, init, self.number_at)
    }

    /// Clones below count as its own processes, too, where the kernel asks whether it may fork.
    pub(crate) fn make_room(&self, processes: Rlimit) -> Result<(), Errno> {
        limit(self.pid(), processes.maximum)
    }

    /// What stands where the template stands forks like it. The kernel writes nothing to the child's memory for that: where,
    /// the program would have decided, and that could be what the child's calls are read from.
    fn fork_of(&self, parent: Tracee, until: Instant) -> Result<Puppet, Errno> {
        let flags = (libc::CLONE_PARENT | libc::CLONE_PTRACE | libc::SIGCHLD) as u64;
        let fork = Calling {
            number: libc::SYS_clone,
            arguments: [flags, 0, 0, 0, 0, 0],
        };
        let child = parent.call(&self.registers, fork, until)?;
        let child = i32::try_from(child).ok().and_then(Pid::from_raw);
        let child = Puppet {
            tracee: Tracee(child.ok_or(Errno::SRCH)?),
            registers: self.registers,
            until,
            is_free: false,
        };
        match child.tracee.wait(until)? {
            Stop::Event => Ok(child),
            _ => Err(Errno::SRCH),
        }
    }
}

fn limit(process: Pid, processes: Option<u64>) -> Result<(), Errno> {
    let limit = Rlimit {
        current: processes,
        maximum: processes,
    };
    prlimit(Some(process), Resource::Nproc, limit).map(drop)
}

fn at(step: &'static str) -> impl Fn(Errno) -> Failure {
    move |errno| Failure { step, errno }
}

/// Memory of a clone's own, with what its calls read and the calls. It is not shared, so nobody changes it meanwhile.
struct Page {
    start: u64,
    bytes: u64,
    script: u64,
    /// Into the fresh sandbox; from there on.
    entry: Part,
    restriction: Part,
}

/// Calls of a page.
struct Part {
    place: [u64; 2],
    steps: Vec<&'static str>,
}

impl Part {
    fn put(content: &mut Vec<u8>, start: u64, calls: Vec<calls::Step>) -> Self {
        let first = start + content.len() as u64;
        for (_, Calling { number, arguments }) in &calls {
            content.extend(number.to_ne_bytes());
            content.extend(arguments.iter().flat_map(|argument| argument.to_ne_bytes()));
        }
        Self {
            place: [first, first + (calls.len() * ENTRY_BYTES) as u64],
            steps: calls.into_iter().map(|(step, _)| step).collect(),
        }
    }
}

/// A process that stands still and makes the calls it is told to. Killed when dropped.
struct Puppet {
    tracee: Tracee,
    registers: Registers,
    /// By then it has made them all.
    until: Instant,
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
            .call(&self.registers, calling, self.until)
            .map(|result| result as u64)
    }

    fn prepare(&self, init: Pid, restrictions: &Restrictions) -> Result<Page, Errno> {
        let filter = restrictions.filter.iter().flat_map(|instruction| {
            let sock_filter { code, jt, jf, k } = *instruction;
            let ([a, b], [c, d, e, f]) = (code.to_ne_bytes(), k.to_ne_bytes());
            [a, b, jt, jf, c, d, e, f]
        });
        let filter: Vec<u8> = filter.collect();
        let all = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let bytes = (filter.len() as u64 + CALLS_BYTES).next_multiple_of(4096);
        let start = self.call(
            libc::SYS_mmap,
            [0, bytes, all as u64, private as u64, u64::MAX, 0],
        )?;
        let mut content = Vec::with_capacity(bytes as usize);
        let length = u64::from(u16::try_from(restrictions.filter.len()).map_err(|_| Errno::INVAL)?);
        content.extend(length.to_ne_bytes());
        content.extend((start + FILTER_AT).to_ne_bytes());
        content.extend(CAPABILITY_VERSION.to_ne_bytes());
        content.resize(FILTER_AT as usize, 0);
        content.extend(filter);
        let text = start + content.len() as u64;
        content.extend(MYSELF.to_ne_bytes());
        let folder = start + content.len() as u64;
        content.extend(FOLDER);
        content.resize(content.len().next_multiple_of(8), 0);
        let script = start + content.len() as u64;
        content.extend(script::instructions());
        content.resize(content.len().next_multiple_of(8), 0);
        let entry = calls::entry(init, restrictions, text);
        let restriction = calls::restriction(restrictions, start, start + CAPABILITIES_AT, folder);
        let page = Page {
            start,
            bytes,
            script,
            entry: Part::put(&mut content, start, entry),
            restriction: Part::put(&mut content, start, restriction),
        };
        if content.len() as u64 > bytes {
            return Err(Errno::NOMEM);
        }
        memory::write(self.tracee.0, start, &content)?;
        Ok(page)
    }

    fn run(&self, page: &Page, part: &Part) -> Result<u64, Failure> {
        let ran = self
            .tracee
            .run(&self.registers, page.script, part.place, self.until);
        ran.map(|result| result as u64).map_err(|(step, errno)| {
            let step = part.steps.get(step).copied();
            at(step.unwrap_or("make a clone's calls"))(errno)
        })
    }

    /// Nothing that was for its making is left.
    fn finish(
        self,
        page: &Page,
        listener: u64,
        init: Init<'_>,
        number_at: Option<u64>,
    ) -> Result<Clone, Failure> {
        let process = pidfd_open(self.tracee.0, PidfdFlags::empty()).map_err(at("find a clone"))?;
        let number = RawFd::try_from(listener).map_err(|_| at("take a listener")(Errno::BADF))?;
        let listener = pidfd_getfd(&process, number, PidfdGetfdFlags::empty())
            .map_err(at("take a listener"))?;
        self.call(libc::SYS_close_range, [3, u64::from(u32::MAX), 0, 0, 0, 0])
            .and_then(|_| self.call(libc::SYS_munmap, [page.start, page.bytes, 0, 0, 0, 0]))
            .map_err(at("clear up"))?;
        let subject = Subject {
            pid: self.tracee.0,
            process: process.as_fd(),
            init,
        };
        let number = subject.verify(&listener).map_err(at("verify a clone"))?;
        // Its threads' library goes by it. All its calls are made.
        if let Some(place) = number_at {
            memory::write(self.tracee.0, place, &number.to_ne_bytes())
                .map_err(at("tell a clone its number"))?;
        }
        Ok(Clone {
            number,
            second: self,
            listener,
        })
    }
}
