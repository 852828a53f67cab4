//! Pid 1 of a function's sandbox: starts one program at a time, reaps everything, tells how programs end.
//!
//! ```text
//! ready ──Start──▶ running ──program ends──▶ kill and reap the rest ──Exited or Signaled──▶ ready
//!   ▲                 │ Kill                                                                   │
//!   └──── Killed ◀────┴── kill and reap all, tell the program's end ◀──────────── Kill ────────┘
//! control socket closed ──▶ end; the kernel kills what is left
//! ```
//! Before the first program, the process that becomes it is `prepared`, so that its start is an exec. In a sandbox whose
//! code comes later, it may be told there what to execute, and pid 1 takes it for the program from the beginning.
//!
//! It sleeps until a command, a child's end or a program's call arrives; a child that nobody waits for is reaped at once.

use crate::adoption::Adoption;
use crate::control::{self, Received};
use crate::descriptors;
use crate::keeper::Keeper;
use crate::kernel::{inherited, watchdog};
use crate::message::{Command, Program, Report, Stdin};
use crate::network::{self, Network};
use crate::prepared::{self, Awaiting, Prepared, number_of};
use crate::socket::Sent;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus};
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Every process that this one may signal: all of its name space but itself.
const EVERYBODY: nix::unistd::Pid = nix::unistd::Pid::from_raw(-1);

/// Commands between two looks at all else, above all at who has ended.
const COMMANDS_AT_ONCE: usize = 64;

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
    /// None: the program becomes a template for clones in other sandboxes.
    Template {
        /// Control groups that clones have to enter.
        doors: usize,
        /// Whether they find rules of Landlock in the sandbox that they enter.
        landlock: bool,
    },
    /// As `Connected`, for clones of a template, who bring their filter along.
    Cloned {
        /// Control groups that they have to enter.
        doors: usize,
        /// Whether there are rules of Landlock for them.
        landlock: bool,
    },
}

impl Programs {
    fn network(self) -> io::Result<Option<Network>> {
        match self {
            Self::Alone | Self::Template { .. } => Ok(None),
            Self::Connected { landlock } => Network::open(landlock).map(Some),
            Self::Cloned { .. } => Network::open(false).map(Some),
        }
    }

    fn keeper(self) -> io::Result<Option<Keeper>> {
        match self {
            Self::Template { doors, landlock } => Keeper::open(landlock, doors).map(Some),
            _ => Ok(None),
        }
    }

    fn adoption(self) -> io::Result<Option<Adoption>> {
        match self {
            Self::Cloned { doors, landlock } => Adoption::open(landlock, doors).map(Some),
            _ => Ok(None),
        }
    }
}

/// Serves commands until the control socket closes, and the programs' calls if they have a network. `waits` where there
/// is something for the first program to wait for.
pub fn run(programs: Programs, waits: bool) -> io::Result<()> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    let mut init = Init {
        child_ended: child_signals()?,
        network: programs.network()?,
        keeper: programs.keeper()?,
        adoption: programs.adoption()?,
        program: None,
        prepared: None,
        awaiting: None,
        input: waits
            .then(|| inherited::take(descriptors::INPUT))
            .transpose()?,
    };
    control::report(&Report::Ready)?;
    // While the server hears that; where it fails, the start of a program tells.
    let _ = init.prepare();
    loop {
        for source in init.wait()? {
            match source {
                Source::Children => {
                    init.child_ended.read_signal()?;
                    let reaped = init.reap_ended();
                    if init.told(reaped)?.is_break() {
                        return init.end();
                    }
                }
                Source::Control => {
                    if init.hear()?.is_break() {
                        return init.end();
                    }
                }
                Source::Adopted => init.end_all(None)?,
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
    /// Of a program that becomes a template.
    keeper: Option<Keeper>,
    /// Of a program that is a clone.
    adoption: Option<Adoption>,
    program: Option<Pid>,
    /// The process that becomes the next one.
    prepared: Option<Prepared>,
    /// Of the program, if it is one that is not told yet, or was so once.
    awaiting: Option<Awaiting>,
    /// What the first program may wait for.
    input: Option<OwnedFd>,
}

/// What is ready, in the order in which it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Children,
    Adopted,
    Network(network::Source),
    Control,
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

impl Init {
    fn wait(&self) -> io::Result<Vec<Source>> {
        let control = rustix::stdio::stdin();
        let mut sources = vec![Source::Children];
        let mut polled = vec![PollFd::new(&self.child_ended, PollFlags::IN)];
        let adopted = self.adoption.as_ref().and_then(Adoption::ended);
        if let Some(adopted) = adopted {
            sources.push(Source::Adopted);
            polled.push(PollFd::from_borrowed_fd(adopted, PollFlags::IN));
        }
        let network = self.network.as_ref();
        for (source, descriptor, wish) in network.into_iter().flat_map(Network::sources) {
            sources.push(Source::Network(source));
            polled.push(PollFd::from_borrowed_fd(descriptor, wish));
        }
        // Last: a command may bring another program, of whose calls nothing is known yet.
        sources.push(Source::Control);
        polled.push(PollFd::new(&control, PollFlags::IN));
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

    /// Obeys what has come, so that answers do not pile up behind the questions of a round, and breaks off where nothing
    /// will come any more.
    fn hear(&mut self) -> io::Result<ControlFlow<()>> {
        for _ in 0..COMMANDS_AT_ONCE {
            match control::receive() {
                Received::Command(command, sent) => {
                    let obeyed = self.obey(command, sent);
                    if self.told(obeyed)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Received::Nothing => break,
                Received::End => return Ok(ControlFlow::Break(())),
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Breaks off where nobody hears any more how things went, which is no reason to end clones.
    fn told(&self, done: io::Result<()>) -> io::Result<ControlFlow<()>> {
        match done {
            Err(error) if self.keeper.is_some() && prepared::is_gone(&error) => {
                Ok(ControlFlow::Break(()))
            }
            done => done.map(ControlFlow::Continue),
        }
    }

    fn obey(&mut self, command: Command, mut sent: Sent) -> io::Result<()> {
        match command {
            Command::Start { program, stdin } => {
                let done = self.input_of(stdin);
                started(done.and_then(|input| self.start(&program, input)))
            }
            Command::Await => started(self.await_program()),
            Command::Clone { id } => match self.keeper.as_mut().zip(sent.next()) {
                Some((keeper, init)) => keeper.clone_into(id, &init),
                None => Ok(()),
            },
            Command::Expect { input } => match &mut self.adoption {
                Some(adoption) => {
                    adoption.expect(&input)?;
                    control::report(&Report::Expecting)
                }
                None => Ok(()),
            },
            Command::Adopt { process } => {
                self.adopt(process, sent);
                Ok(())
            }
            Command::Kill => {
                self.end_all(None)?;
                control::report(&Report::Killed)
            }
            Command::Socket { id } => {
                if let Some((network, socket)) = self.network.as_mut().zip(sent.next()) {
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

    fn input_of(&mut self, stdin: Stdin) -> io::Result<Option<OwnedFd>> {
        match stdin {
            Stdin::Null => Ok(None),
            Stdin::Pipe => Ok(Some(self.input.take().ok_or(Errno::BADF)?)),
        }
    }

    fn start(&mut self, program: &Program, input: Option<OwnedFd>) -> io::Result<()> {
        let input = input.as_ref().map(AsFd::as_fd);
        match self.execute(program, input) {
            // It was killed in this moment.
            Err(error) if prepared::is_gone(&error) => self.execute(program, input),
            started => started,
        }
    }

    fn execute(&mut self, program: &Program, input: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let prepared = self.take_prepared()?;
        prepared.become_program(program.clone(), input)?;
        self.program = Some(prepared.pid);
        Ok(())
    }

    /// Whoever made the sandbox makes another one if it is killed meanwhile.
    fn await_program(&mut self) -> io::Result<()> {
        let input = self.input.take().ok_or(Errno::BADF)?;
        let prepared = self.take_prepared()?;
        let pid = prepared.pid;
        self.awaiting = Some(prepared.await_program(&input)?);
        self.program = Some(pid);
        Ok(())
    }

    /// One program at a time: a second start is a fault of the server and is refused as such.
    fn take_prepared(&mut self) -> io::Result<Prepared> {
        if !self.starts_programs() {
            return Err(Errno::PERM.into());
        }
        if self.program.is_some() {
            return Err(Errno::BUSY.into());
        }
        // The kernel may have killed it for want of memory.
        self.reap_ended()?;
        self.prepare()?;
        Ok(self.prepared.take().ok_or(Errno::CHILD)?)
    }

    /// A place of clones has no second layer for others, and beside a template are sandboxes that are below it.
    fn starts_programs(&self) -> bool {
        self.adoption.is_none() && !self.keeper.as_ref().is_some_and(Keeper::has_settled)
    }

    /// Has a process ready for the next program, if there may be one.
    fn prepare(&mut self) -> io::Result<()> {
        if self.prepared.is_some() || !self.starts_programs() {
            return Ok(());
        }
        let (prepared, listener) = Prepared::fork(|| self.restrict())?;
        self.prepared = Some(prepared);
        if let Some((network, listener)) = self.network.as_mut().zip(listener) {
            network.hear(listener);
        }
        Ok(())
    }

    /// What a program's process does to itself. Returns the listener by which its calls are heard.
    fn restrict(&self) -> io::Result<Option<OwnedFd>> {
        match (&self.keeper, &self.network) {
            (Some(keeper), _) => keeper.restrict().map(|()| None),
            (None, Some(network)) => network.restrict().map(Some),
            (None, None) => Ok(None),
        }
    }

    /// A clone has come. One that has ended meanwhile is found to have.
    fn adopt(&mut self, number: i32, mut sent: Sent) {
        let number = Pid::from_raw(number).filter(|_| self.program.is_none());
        if let (Some(adoption), Some(network), Some(number), Some(listener), Some(ended)) = (
            &mut self.adoption,
            &mut self.network,
            number,
            sent.next(),
            sent.next(),
        ) {
            adoption.adopt(ended);
            network.hear(listener);
            self.program = Some(number);
        }
    }

    /// Reaps who has ended; when the program is among them, ends what it left.
    fn reap_ended(&mut self) -> io::Result<()> {
        while let Some((pid, status)) = reap(WaitOptions::NOHANG | self.stops())? {
            if Some(pid) != self.program {
                self.prepared.take_if(|prepared| prepared.pid == pid);
                if let Some(keeper) = self.keeper.as_mut().filter(|_| !status.stopped()) {
                    keeper.ended(pid, status.as_raw());
                }
                continue;
            }
            match (&mut self.keeper, status.stopped()) {
                (Some(keeper), true) => self.program = keeper.settle(pid)?,
                (None, true) => {}
                (_, false) => self.end_all(End::of(status.as_raw()))?,
            }
        }
        Ok(())
    }

    /// A program tells by its stop that it is to be a template; clones may stop as they like.
    fn stops(&self) -> WaitOptions {
        match &self.keeper {
            Some(keeper) if !keeper.has_settled() => WaitOptions::UNTRACED,
            _ => WaitOptions::empty(),
        }
    }

    /// Nobody commands any more. Whoever makes clones stays for as long as they do: the kernel would end them with it.
    fn end(mut self) -> io::Result<()> {
        if self.keeper.is_none() {
            return Ok(());
        }
        let _ = self.end_all(None);
        // Whatever becomes of it, nobody is to be told.
        self.program = None;
        loop {
            self.reap_ended()?;
            let mut ended = [PollFd::new(&self.child_ended, PollFlags::IN)];
            let _ = poll(&mut ended, None);
            self.child_ended.read_signal()?;
        }
    }

    /// Kills everything, reaps it, and tells the program's end if there was a program.
    fn end_all(&mut self, mut end: Option<End>) -> io::Result<()> {
        if let Some(keeper) = &mut self.keeper {
            keeper.rest()?;
            self.prepared = None;
            let killed = End::Signal(libc::SIGKILL);
            return self
                .program
                .take()
                .map_or(Ok(()), |_| tell(end.unwrap_or(killed)));
        }
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
                        end = End::of(status.as_raw());
                    }
                    options = WaitOptions::NOHANG;
                }
                None if options == WaitOptions::NOHANG => options = WaitOptions::empty(),
                None => break,
            }
        }
        if let Some(adoption) = &mut self.adoption
            && let Some(status) = adoption.end()?
        {
            end = End::of(status);
        }
        let network = self.network.iter_mut();
        watchdog::guard(|| network.for_each(Network::rest));
        self.prepared = None;
        let unstarted = self.awaiting.take().and_then(|awaiting| awaiting.failure());
        match (self.program.take().and(end), unstarted) {
            (Some(_), Some(errno)) => started(Err(errno.into())),
            (Some(end), None) => tell(end),
            (None, _) => Ok(()),
        }
    }
}

/// Tells if nothing was.
fn started(done: io::Result<()>) -> io::Result<()> {
    match done {
        Ok(()) => Ok(()),
        Err(error) => control::report(&Report::StartFailed {
            errno: number_of(&error),
        }),
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

/// How a program ended. Signals are told by number: those for real time have no names.
#[derive(Clone, Copy, Debug)]
enum End {
    Code(i32),
    Signal(i32),
}

impl End {
    fn of(status: i32) -> Option<Self> {
        if libc::WIFEXITED(status) {
            Some(Self::Code(libc::WEXITSTATUS(status)))
        } else {
            libc::WIFSIGNALED(status).then(|| Self::Signal(libc::WTERMSIG(status)))
        }
    }
}

fn tell(end: End) -> io::Result<()> {
    match end {
        End::Code(code) => control::report(&Report::Exited { code }),
        End::Signal(signal) => control::report(&Report::Signaled { signal }),
    }
}
