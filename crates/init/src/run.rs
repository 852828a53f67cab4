//! Pid 1 of a function's sandbox: starts one program at a time, reaps everything, tells how programs end.
//!
//! ```text
//! ready ──Start──▶ running ──program ends──▶ kill and reap the rest ──Exited or Signaled──▶ ready
//!   ▲                 │ Kill                                                                   │
//!   └──── Killed ◀────┴── kill and reap all, tell the program's end ◀──────────── Kill ────────┘
//! control socket closed ──▶ end; the kernel kills what is left
//! ```
//! It sleeps until a command or a child's end arrives; a child that nobody waits for is reaped at once.

use crate::control;
use crate::message::{Command, Report};
use nix::sys::signal::{SigSet, Signal, kill};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

/// Every process that this one may signal: all of its name space but itself.
const EVERYBODY: nix::unistd::Pid = nix::unistd::Pid::from_raw(-1);

/// Serves commands until the control socket closes.
pub fn run() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    let child_ended = child_signals()?;
    control::report(Report::Ready)?;
    let mut program = None;
    loop {
        let (command, ended) = wait(&child_ended)?;
        if ended {
            child_ended.read_signal()?;
            reap_ended(&mut program)?;
        }
        if command {
            match control::receive() {
                Some(Command::Start { argv, env, cwd }) => {
                    with_child_signals_open(|| start(&mut program, &argv, env, &cwd))??;
                    // Whose signal came while it was open is known by nothing else.
                    reap_ended(&mut program)?;
                }
                Some(Command::Kill) => {
                    end_all(&mut program, None)?;
                    control::report(Report::Killed)?;
                }
                Some(Command::Connected { .. } | Command::Answer { .. }) => {}
                None => return Ok(()),
            }
        }
    }
}

/// The ends of children as something to poll.
fn child_signals() -> io::Result<nix::sys::signalfd::SignalFd> {
    use nix::sys::signalfd::{SfdFlags, SignalFd};
    let ends = SigSet::from(Signal::SIGCHLD);
    ends.thread_block()?;
    Ok(SignalFd::with_flags(
        &ends,
        SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
    )?)
}

/// A program inherits the signal mask of its maker, and one that never hears of its children waits for them forever.
fn with_child_signals_open<T>(act: impl FnOnce() -> T) -> nix::Result<T> {
    let ends = SigSet::from(Signal::SIGCHLD);
    ends.thread_unblock()?;
    let done = act();
    ends.thread_block()?;
    Ok(done)
}

/// Whether a command is there, and whether a child ended.
fn wait(child_ended: &impl AsFd) -> io::Result<(bool, bool)> {
    let control = rustix::stdio::stdin();
    let mut sources = [
        PollFd::new(&control, PollFlags::IN),
        PollFd::new(child_ended, PollFlags::IN),
    ];
    loop {
        match poll(&mut sources, None) {
            Ok(_) => {
                return Ok((
                    !sources[0].revents().is_empty(),
                    !sources[1].revents().is_empty(),
                ));
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// One program at a time: a second start is a fault of the server and is refused as such.
fn start(
    program: &mut Option<Pid>,
    argv: &[String],
    env: Vec<(String, String)>,
    cwd: &str,
) -> io::Result<()> {
    let started = match argv {
        [path, arguments @ ..] if program.is_none() => std::process::Command::new(path)
            .args(arguments)
            .env_clear()
            .envs(env)
            .current_dir(cwd)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn(),
        _ => Err(io::Error::from(Errno::BUSY)),
    };
    match started {
        Ok(child) => {
            *program = Some(Pid::from_child(&child));
            Ok(())
        }
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
            control::report(Report::StartFailed { errno })
        }
    }
}

/// Reaps who has ended; when the program is among them, ends what it left.
fn reap_ended(program: &mut Option<Pid>) -> io::Result<()> {
    while let Some((pid, status)) = reap(WaitOptions::NOHANG)? {
        if Some(pid) == *program {
            return end_all(program, Some(status));
        }
    }
    Ok(())
}

/// Kills everything, reaps it, and tells the program's end if there was a program.
fn end_all(program: &mut Option<Pid>, mut end: Option<WaitStatus>) -> io::Result<()> {
    // One look for each that is reaped would cost a thousand processes a million steps.
    let mut options = WaitOptions::empty();
    loop {
        if options == WaitOptions::empty() {
            // Again in each round: a process may have been forked while the signals went out.
            let _ = kill(EVERYBODY, Signal::SIGKILL);
        }
        match reap(options)? {
            Some((pid, status)) => {
                if Some(pid) == *program {
                    end = Some(status);
                }
                options = WaitOptions::NOHANG;
            }
            None if options == WaitOptions::NOHANG => options = WaitOptions::empty(),
            None => break,
        }
    }
    match program.take().and(end) {
        Some(end) => tell(end),
        None => Ok(()),
    }
}

/// A process that has ended, and how; `None` if there is none, or none yet.
fn reap(options: WaitOptions) -> io::Result<Option<(Pid, WaitStatus)>> {
    loop {
        match rustix::process::wait(options) {
            Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(None),
            reaped => return Ok(reaped?),
        }
    }
}

/// Signals are told by number: those for real time have no names.
fn tell(end: WaitStatus) -> io::Result<()> {
    match (end.exit_status(), end.terminating_signal()) {
        (Some(code), _) => control::report(Report::Exited { code }),
        (None, Some(signal)) => control::report(Report::Signaled { signal }),
        (None, None) => Ok(()),
    }
}
