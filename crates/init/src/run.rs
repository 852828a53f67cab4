//! Pid 1 of a function's sandbox: starts one program at a time, reaps everything, tells how programs end.
//!
//! ```text
//! ready ──Start──▶ running ──program ends──▶ kill and reap the rest ──Exited or Signaled──▶ ready
//!   ▲                 │ Kill                                                                   │
//!   └──── Killed ◀────┴── kill and reap all, tell the program's end ◀──────────── Kill ────────┘
//! control socket closed ──▶ end; the kernel kills what is left
//! ```
//! It sleeps until a command, a child's end or a program's call arrives; a child that nobody waits for is reaped at once.

use crate::control::{self, Received};
use crate::kernel::watchdog;
use crate::message::{Command, Report, Stdin};
use crate::network::{self, Network};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Stdio};

/// Every process that this one may signal: all of its name space but itself.
const EVERYBODY: nix::unistd::Pid = nix::unistd::Pid::from_raw(-1);

/// What way to the network the programs have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Programs {
    /// None: they have loopback alone.
    Alone,
    /// By calls that pid 1 makes for them.
    Connected {
        /// Whether they are also under Landlock's rules for TCP, which the kernel has since 6.7.
        landlock: bool,
    },
}

/// Serves commands until the control socket closes, and the programs' calls if they have a network.
pub fn run(programs: Programs) -> io::Result<()> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    let mut init = Init {
        child_ended: child_signals()?,
        network: match programs {
            Programs::Alone => None,
            Programs::Connected { landlock } => Some(Network::open(landlock)?),
        },
        program: None,
        input: None,
    };
    control::report(&Report::Ready)?;
    loop {
        for source in init.wait()? {
            match source {
                Source::Children => {
                    init.child_ended.read_signal()?;
                    init.reap_ended()?;
                }
                Source::Control => {
                    if init.hear()?.is_break() {
                        return Ok(());
                    }
                }
                Source::Network(source) => {
                    let network = init.network.iter_mut();
                    watchdog::guard(|| network.for_each(|network| network.serve(source)));
                }
            }
        }
        if let Some(network) = init
            .network
            .as_mut()
            .filter(|network| network.has_to_look())
        {
            watchdog::guard(|| network.look_at_waiting());
        }
    }
}

/// What pid 1 has.
struct Init {
    child_ended: SignalFd,
    /// The programs' way to the network, if they have any.
    network: Option<Network>,
    program: Option<Pid>,
    /// What it waits for.
    input: Option<ChildStdin>,
}

/// What is ready, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Children,
    Control,
    Network(network::Source),
}

/// The ends of children as something to poll.
fn child_signals() -> io::Result<SignalFd> {
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

impl Init {
    fn wait(&self) -> io::Result<Vec<Source>> {
        let control = rustix::stdio::stdin();
        let mut sources = vec![Source::Children, Source::Control];
        let mut polled = vec![
            PollFd::new(&self.child_ended, PollFlags::IN),
            PollFd::new(&control, PollFlags::IN),
        ];
        let network = self.network.as_ref();
        for (source, descriptor, wish) in network.into_iter().flat_map(Network::sources) {
            sources.push(Source::Network(source));
            polled.push(PollFd::from_borrowed_fd(descriptor, wish));
        }
        let patience = network.and_then(Network::patience);
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        loop {
            match poll(&mut polled, patience.as_ref()) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let ready = sources.into_iter().zip(polled);
        let ready = ready.filter(|(_, polled)| !polled.revents().is_empty());
        Ok(ready.map(|(source, _)| source).collect())
    }

    /// Obeys the next command, and breaks off where there will be none.
    fn hear(&mut self) -> io::Result<ControlFlow<()>> {
        loop {
            match control::receive() {
                Received::Command(command, sent) => {
                    // The next one is on its way.
                    let goes_on = matches!(command, Command::Socket { .. });
                    self.obey(command, sent)?;
                    if !goes_on {
                        return Ok(ControlFlow::Continue(()));
                    }
                }
                Received::Nothing => return Ok(ControlFlow::Continue(())),
                Received::End => return Ok(ControlFlow::Break(())),
            }
        }
    }

    fn obey(&mut self, command: Command, sent: Option<OwnedFd>) -> io::Result<()> {
        match command {
            Command::Start {
                argv,
                env,
                cwd,
                stdin,
            } => {
                with_child_signals_open(|| self.start(&argv, env, &cwd, stdin))??;
                // Whose signal came while it was open is known by nothing else.
                self.reap_ended()
            }
            Command::Input { bytes } => {
                // One that has ended reads nothing, and its end is told.
                let input = self.input.take();
                let _ = input.map(|mut input| input.write_all(&bytes));
                Ok(())
            }
            Command::Kill => {
                self.end_all(None)?;
                control::report(&Report::Killed)
            }
            Command::Socket { id } => {
                if let Some((network, socket)) = self.network.as_mut().zip(sent) {
                    network.take(id, socket);
                }
                Ok(())
            }
            Command::Connected { id, outcome } => {
                if let Some(network) = &mut self.network {
                    watchdog::guard(|| network.connected(id, outcome));
                }
                Ok(())
            }
            Command::Answer { id, message } => {
                if let Some(network) = &mut self.network {
                    network.answer_query(id, &message);
                }
                Ok(())
            }
        }
    }

    /// One program at a time: a second start is a fault of the server and is refused as such.
    fn start(
        &mut self,
        argv: &[String],
        env: Vec<(String, String)>,
        cwd: &str,
        stdin: Stdin,
    ) -> io::Result<()> {
        let started = match argv {
            [path, arguments @ ..] if self.program.is_none() => {
                let mut command = std::process::Command::new(path);
                command
                    .args(arguments)
                    .env_clear()
                    .envs(env)
                    .current_dir(cwd)
                    .stdin(match stdin {
                        Stdin::Null => Stdio::null(),
                        Stdin::Pipe => Stdio::piped(),
                    })
                    .process_group(0);
                self.spawn(command)
            }
            _ => Err(io::Error::from(Errno::BUSY)),
        };
        match started {
            Ok(mut child) => {
                self.input = child.stdin.take();
                self.program = Some(Pid::from_child(&child));
                Ok(())
            }
            Err(error) => {
                let errno = error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
                control::report(&Report::StartFailed { errno })
            }
        }
    }

    fn spawn(&mut self, mut command: std::process::Command) -> io::Result<Child> {
        let Some(network) = &mut self.network else {
            return command.spawn();
        };
        let listener = network.confine(&mut command)?;
        let child = command.spawn()?;
        network.attend(&listener)?;
        Ok(child)
    }

    /// Reaps who has ended; when the program is among them, ends what it left.
    fn reap_ended(&mut self) -> io::Result<()> {
        while let Some((pid, status)) = reap(WaitOptions::NOHANG)? {
            if Some(pid) == self.program {
                return self.end_all(Some(status));
            }
        }
        Ok(())
    }

    /// Kills everything, reaps it, and tells the program's end if there was a program.
    fn end_all(&mut self, mut end: Option<WaitStatus>) -> io::Result<()> {
        // One look for each that is reaped would cost a thousand processes a million steps.
        let mut options = WaitOptions::empty();
        loop {
            if options == WaitOptions::empty() {
                // Again in each round: a process may have been forked while the signals went out.
                let _ = kill(EVERYBODY, Signal::SIGKILL);
            }
            match reap(options)? {
                Some((pid, status)) => {
                    if Some(pid) == self.program {
                        end = Some(status);
                    }
                    options = WaitOptions::NOHANG;
                }
                None if options == WaitOptions::NOHANG => options = WaitOptions::empty(),
                None => break,
            }
        }
        let network = self.network.iter_mut();
        watchdog::guard(|| network.for_each(Network::rest));
        self.input = None;
        match self.program.take().and(end) {
            Some(end) => tell(end),
            None => Ok(()),
        }
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
        (Some(code), _) => control::report(&Report::Exited { code }),
        (None, Some(signal)) => control::report(&Report::Signaled { signal }),
        (None, None) => Ok(()),
    }
}
