//! Processes that pid 1 traces: they stand still, and make the calls that it wants them to make.

use super::check;
use super::registers::{Calling, Registers};
use super::script::{self, ENTRY_BYTES};
use super::watchdog;
use rustix::io::Errno;
use rustix::process::Pid;
use std::time::Instant;

/// Of signals that arrive while a call is to be made, which is none of a process that has just begun.
const SIGNALS_MAX: u32 = 8;

/// Of linux/ptrace.h.
const GET_RSEQ_CONFIGURATION: libc::c_uint = 0x420f;

/// Where a thread has told the kernel of sequences that it begins anew (rseq(2)).
#[repr(C)]
#[derive(Default)]
struct RseqConfiguration {
    address: u64,
    bytes: u32,
    signature: u32,
    flags: u32,
    unused: u32,
}

/// Why a traced process stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It has forked: this child of it is traced too.
    Forked(Pid),
    /// Another event of tracing.
    Event,
    /// A signal is about to reach it.
    Signal(i32),
    /// It has ended.
    Gone,
}

/// A traced process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracee(pub(crate) Pid);

impl Tracee {
    /// Begins to trace a process, which goes on. It dies with its tracer, and stops when it forks.
    pub(crate) fn seize(process: Pid) -> Result<Self, Errno> {
        let options = libc::PTRACE_O_EXITKILL | libc::PTRACE_O_TRACEFORK;
        request(libc::PTRACE_SEIZE, process, 0, options as usize)?;
        Ok(Self(process))
    }

    /// From now on it does not stop when it forks.
    pub(crate) fn forget_forks(self) -> Result<(), Errno> {
        let options = libc::PTRACE_O_EXITKILL as usize;
        request(libc::PTRACE_SETOPTIONS, self.0, 0, options)
    }

    /// Lets it go on, with a signal or with none (0).
    pub(crate) fn go_on(self, signal: i32) -> Result<(), Errno> {
        request(libc::PTRACE_CONT, self.0, 0, signal as usize)
    }

    /// Lets it go on, untraced.
    pub(crate) fn release(self) -> Result<(), Errno> {
        request(libc::PTRACE_DETACH, self.0, 0, 0)
    }

    pub(crate) fn registers(self) -> Result<Registers, Errno> {
        Registers::of(self.0)
    }

    pub(crate) fn set(self, registers: &Registers) -> Result<(), Errno> {
        registers.set(self.0)
    }

    /// Where it has told the kernel of sequences that are begun anew, if it has.
    pub(crate) fn restartable(self) -> Result<Option<u64>, Errno> {
        let mut told = RseqConfiguration::default();
        // SAFETY: the kernel writes at most as many bytes as it is told, which are those of a structure of integers.
        check(unsafe {
            libc::ptrace(
                GET_RSEQ_CONFIGURATION,
                self.0.as_raw_pid(),
                size_of::<RseqConfiguration>(),
                &raw mut told,
            )
        })?;
        Ok((told.address != 0).then_some(told.address))
    }

    /// Waits until it stands still; `TIMEDOUT` if it does not until then, or a few milliseconds later.
    pub(crate) fn wait(self, until: Instant) -> Result<Stop, Errno> {
        watchdog::guard(|| {
            loop {
                if let Some(stop) = self.look()? {
                    return Ok(stop);
                }
                if Instant::now() >= until {
                    return Err(Errno::TIMEDOUT);
                }
            }
        })
    }

    /// `None` if it was interrupted.
    fn look(self) -> Result<Option<Stop>, Errno> {
        let mut status = 0;
        // SAFETY: the kernel writes an integer that outlives the call.
        let found =
            check(unsafe { libc::waitpid(self.0.as_raw_pid(), &raw mut status, libc::__WALL) });
        match found {
            Err(Errno::INTR) => Ok(None),
            Ok(_) if !libc::WIFSTOPPED(status) => Ok(Some(Stop::Gone)),
            Ok(_) => match status >> 16 {
                0 => Ok(Some(Stop::Signal(libc::WSTOPSIG(status)))),
                libc::PTRACE_EVENT_FORK => self.child().map(|child| Some(Stop::Forked(child))),
                _ => Ok(Some(Stop::Event)),
            },
            Err(error) => Err(error),
        }
    }

    fn child(self) -> Result<Pid, Errno> {
        let mut child: libc::c_ulong = 0;
        // SAFETY: the kernel writes a number that outlives the call.
        check(unsafe {
            libc::ptrace(
                libc::PTRACE_GETEVENTMSG,
                self.0.as_raw_pid(),
                0,
                &raw mut child,
            )
        })?;
        let child = i32::try_from(child).ok().and_then(Pid::from_raw);
        child.ok_or(Errno::SRCH)
    }

    /// Has it make one call by the instruction before `base`, where it stands still again behind it.
    pub(crate) fn call(
        self,
        base: &Registers,
        calling: Calling,
        until: Instant,
    ) -> Result<i64, Errno> {
        base.about_to(calling).set(self.0)?;
        for _ in 0..SIGNALS_MAX {
            request(libc::PTRACE_SINGLESTEP, self.0, 0, 0)?;
            match self.wait(until)? {
                // As long as the call is still to come, it is a signal that somebody has sent, and is lost.
                Stop::Signal(_) => {
                    let registers = self.registers()?;
                    if registers.place() == base.place() {
                        return result(registers.result());
                    }
                }
                Stop::Gone => return Err(Errno::SRCH),
                Stop::Forked(_) | Stop::Event => return Err(Errno::IO),
            }
        }
        Err(Errno::INTR)
    }

    /// Has it run a script at `script` with the table from `first` to `end`: the last call's result, or which call failed
    /// (from 0) and how.
    pub(crate) fn run(
        self,
        base: &Registers,
        script: u64,
        [first, end]: [u64; 2],
        until: Instant,
    ) -> Result<i64, (usize, Errno)> {
        let none = |errno| (usize::MAX, errno);
        base.about_to_run(script, first, end)
            .set(self.0)
            .map_err(none)?;
        let registers = self.go_on_to(script::end(script), until).map_err(none)?;
        let at = registers.reached().wrapping_sub(first) as usize / ENTRY_BYTES;
        result(registers.result()).map_err(|errno| (at, errno))
    }
}

impl Tracee {
    /// Up to the trap at that place. Signals that arrive before are lost.
    fn go_on_to(self, trap: u64, until: Instant) -> Result<Registers, Errno> {
        for _ in 0..SIGNALS_MAX {
            self.go_on(0)?;
            match self.wait(until)? {
                Stop::Signal(_) => {
                    let registers = self.registers()?;
                    if registers.place() == trap {
                        return Ok(registers);
                    }
                }
                _ => return Err(Errno::SRCH),
            }
        }
        Err(Errno::INTR)
    }
}

/// Results just below zero are error numbers.
fn result(result: i64) -> Result<i64, Errno> {
    match result {
        -4095..0 => Err(Errno::from_raw_os_error(-(result as i32))),
        _ => Ok(result),
    }
}

fn request(what: libc::c_uint, process: Pid, address: usize, data: usize) -> Result<(), Errno> {
    // SAFETY: none of these requests writes; the kernel takes their arguments as numbers.
    check(unsafe { libc::ptrace(what, process.as_raw_pid(), address, data) }).map(drop)
}
