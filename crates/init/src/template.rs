//! A program that becomes a template: it stands still from its fork on, and every clone begins where it stands.
//!
//! ```text
//! program ── stops itself ──▶ traced, goes on ── forks ──▶ its child never runs: the template
//!                                    │                      all other processes are killed
//!                                    └── does not fork in time, or has what clones cannot share ──▶ Unfit
//! ```
//! From then on nothing of the function runs here, so whatever it would have done to its clones it can do no more.

use crate::fault::is_the_machines;
use crate::kernel::registers::Registers;
use crate::kernel::trace::{Stop, Tracee};
use crate::status::Status;
use nix::sys::signal::kill;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions};
use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// From the program's word to its fork: what the function has registered for that moment runs before.
const FORK_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_micros(200);
/// Of what a program has started: a thousand processes take less than a tenth of a second on an idle machine.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// As kill(2) has it: all that this process may signal, but itself.
const EVERYBODY: nix::unistd::Pid = nix::unistd::Pid::from_raw(-1);

/// Flags of a fork that leaves nothing shared, beside the signal.
const HARMLESS: u64 =
    (libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::CLONE_PARENT_SETTID) as u64;

/// A process that stands still.
pub(crate) struct Template {
    pub(crate) tracee: Tracee,
    /// As it returns from the fork.
    pub(crate) registers: Registers,
    /// Where its fork wanted the child's number to be written.
    pub(crate) number_at: Option<u64>,
}

/// Why a program is no template.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// What it has or does.
    ForGood(String),
    /// The machine was short of something, or slow.
    ForNow(String),
}

impl Unfit {
    fn of(error: Errno, why: String) -> Self {
        match is_the_machines(error) {
            true => Self::ForNow(why),
            false => Self::ForGood(why),
        }
    }
}

impl From<Errno> for Unfit {
    fn from(error: Errno) -> Self {
        Self::of(error, format!("it cannot be held: {error}"))
    }
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        let why = format!("it cannot be looked at: {error}");
        match Errno::from_io_error(&error) {
            Some(error) => Self::of(error, why),
            None => Self::ForGood(why),
        }
    }
}

impl Template {
    /// Of a program that has stopped itself. Whatever the outcome, the caller ends all else.
    pub(crate) fn take(program: Pid) -> Result<Self, Unfit> {
        let program = Tracee::seize(program)?;
        rustix::process::kill_process(program.0, Signal::CONT)?;
        let until = Instant::now() + FORK_TIMEOUT;
        let child = Tracee(await_fork(program, until)?);
        let call = program.registers()?.calling();
        let number_at = own_memory(call.number, call.arguments)?;
        while await_stop(child, until)? != Stop::Event {}
        child.forget_forks()?;
        let registers = child.registers()?;
        Ok(Self {
            tracee: child,
            registers: registers.after(0),
            number_at,
        })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.tracee.0
    }

    /// Takes the stop signal away that it got like all others. It runs nothing for that: while one is on its way, it
    /// arrives before the next instruction.
    pub(crate) fn forget_stop(&self) -> Result<(), Unfit> {
        let until = Instant::now() + FORK_TIMEOUT;
        while stop_is_pending(&Status::of(self.pid())?) {
            self.tracee.go_on(0)?;
            match await_stop(self.tracee, until)? {
                Stop::Signal(_) => {}
                _ => return Err(Unfit::ForGood("it has ended".to_owned())),
            }
        }
        Ok(())
    }
}

/// Keeps a program going until it forks.
fn await_fork(program: Tracee, until: Instant) -> Result<Pid, Unfit> {
    loop {
        match await_stop(program, until)? {
            Stop::Forked(child) => return Ok(child),
            Stop::Event => program.go_on(0)?,
            Stop::Signal(signal) => program.go_on(signal)?,
            Stop::Gone => return Err(Unfit::ForGood("it has ended".to_owned())),
        }
    }
}

fn await_stop(tracee: Tracee, until: Instant) -> Result<Stop, Unfit> {
    tracee.wait(until).map_err(|error| match error {
        Errno::TIMEDOUT => Unfit::ForNow("it does not fork".to_owned()),
        error => error.into(),
    })
}

/// Where a fork wanted its child's number, if it wanted that, and if the child has memory and files of its own.
fn own_memory(number: i64, arguments: [u64; 6]) -> Result<Option<u64>, Unfit> {
    const SIGNAL: u64 = 0xff;
    #[cfg(target_arch = "x86_64")]
    if number == libc::SYS_fork {
        return Ok(None);
    }
    let [flags, stack, _, fourth, fifth, _] = arguments;
    let child_number = if cfg!(target_arch = "x86_64") {
        fourth
    } else {
        fifth
    };
    if number != libc::SYS_clone || flags & !(HARMLESS | SIGNAL) != 0 || stack != 0 {
        return Err(Unfit::ForGood(
            "what it forks is not a process apart".to_owned(),
        ));
    }
    let wanted = flags & libc::CLONE_CHILD_SETTID as u64 != 0;
    Ok(wanted.then_some(child_number))
}

/// Kills and reaps every process of this name space but pid 1 and one. Nothing may be below it yet. All are stopped
/// first, so that none outruns the rest, and nothing that a process tells of itself is believed.
///
/// What is kept has a stop signal on its way then: see [`Template::forget_stop`].
pub(crate) fn end_all_but(kept: Option<Pid>) -> io::Result<()> {
    end(kept, || {
        let _ = kill(EVERYBODY, nix::sys::signal::Signal::SIGSTOP);
        Ok(processes()?.collect())
    })
}

/// Kills and reaps what is in this name space alone, which is the template, as nothing else has run since it settled;
/// those of name spaces below are others' business.
pub(crate) fn end_own() -> io::Result<()> {
    end(None, || {
        Ok(processes()?.filter(|pid| is_own(*pid)).collect())
    })
}

/// If that takes too long the caller ends, and the kernel ends all.
fn end(kept: Option<Pid>, mut doomed: impl FnMut() -> io::Result<Vec<Pid>>) -> io::Result<()> {
    let until = Instant::now() + END_TIMEOUT;
    loop {
        let doomed: Vec<Pid> = doomed()?
            .into_iter()
            .filter(|pid| Some(*pid) != kept)
            .collect();
        if doomed.is_empty() {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Errno::TIMEDOUT.into());
        }
        for pid in &doomed {
            // One that has ended meanwhile is reaped below.
            let _ = rustix::process::kill_process(*pid, Signal::KILL);
        }
        for pid in doomed {
            // Nobody else: the ends of clones are to be told. One that is no child yet will be.
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
        }
        std::thread::sleep(PAUSE);
    }
}

/// All that are here and below, but pid 1.
fn processes() -> io::Result<impl Iterator<Item = Pid>> {
    let entries: Result<Vec<_>, _> = fs::read_dir("/proc")?.collect();
    let names = entries?.into_iter().map(|entry| entry.file_name());
    let numbers = names.filter_map(|name| name.to_str()?.parse().ok());
    Ok(numbers
        .filter(|number| *number != 1)
        .filter_map(Pid::from_raw))
}

/// Whether a process's first number is one of this name space. One that cannot be looked at counts as such.
fn is_own(pid: Pid) -> bool {
    match Status::of(pid) {
        Ok(status) => status.numbers().count() < 2,
        Err(error) => !matches!(
            Errno::from_io_error(&error),
            Some(Errno::NOENT | Errno::SRCH)
        ),
    }
}

/// Whether a stop signal has yet to arrive.
fn stop_is_pending(status: &Status) -> bool {
    let stop = 1 << (libc::SIGSTOP - 1);
    let mut sets = ["SigPnd", "ShdPnd"]
        .into_iter()
        .flat_map(|name| status.words(name));
    sets.any(|set| u64::from_str_radix(set, 16).is_ok_and(|set| set & stop != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_room_and_time_may_pass() {
        assert!(matches!(Errno::NOMEM.into(), Unfit::ForNow(_)));
        assert!(matches!(
            io::Error::from(Errno::NOMEM).into(),
            Unfit::ForNow(_)
        ));
        assert!(matches!(Errno::PERM.into(), Unfit::ForGood(_)));
    }

    #[test]
    fn a_fork_that_shares_is_none() {
        let clone = |flags: i32| own_memory(libc::SYS_clone, [flags as u64, 0, 0, 7, 7, 0]);
        assert_eq!(clone(libc::SIGCHLD).unwrap(), None);
        let with_number = clone(libc::SIGCHLD | libc::CLONE_CHILD_SETTID);
        assert_eq!(with_number.unwrap(), Some(7));
        assert!(clone(libc::SIGCHLD | libc::CLONE_VM).is_err());
        assert!(clone(libc::SIGCHLD | libc::CLONE_FILES).is_err());
        assert!(own_memory(libc::SYS_vfork, [0; 6]).is_err());
    }
}
