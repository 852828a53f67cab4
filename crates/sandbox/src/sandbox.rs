//! One sandbox, as the server holds it: its sockets, its pipe, its meter, and the talk with its pid 1.
//!
//! ```text
//! ready ──start, await and code──▶ runs a program ──Exited, StartFailed──▶ ready ──▶ ...
//!   │                                  │                                    │
//!   └──────────────────────────────────┴── destroy, drop, own end ──────────┴──▶ Gone
//! ```

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use lambkin_init::message::{Command, Stdin};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::net::TcpListener;
use tokio::net::unix::pipe;

use crate::cloning::Cloning;
use crate::code_trees::CodeTree;
use crate::error::Error;
use crate::failure::{Failure, at};
use crate::freezer::Freezer;
use crate::handle::{Link, Reply, unexpected};
use crate::inbox::Matter;
use crate::linux::cgroup::{self, GroupFiles, Meter};
use crate::outbound::Tunnel;
use crate::protocol::{Outcome, What};
use crate::spec::Program;
use crate::talk::Talk;

/// From exec to its first word; takes less than a millisecond.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// Killing is done by the kernel; a process that waits for a disk delays it.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);
/// From the wish to the removal of its groups. The spawner ends a thousand within it, one after the other, as when all
/// environments go at once. Who takes longer hangs, and must not keep its place for ever.
const DESTROY_TIMEOUT: Duration = Duration::from_secs(60);
/// The table of descriptors was full when they came.
const LOST: &str = "take over a sandbox's descriptors (raise the server's limit of open files)";

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What pid 1 tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The program could not be executed.
    StartFailed {
        /// Error number of exec: ENOENT, ENOEXEC, EACCES, ...
        errno: i32,
    },
    /// The program ended; nothing of its process group is left when this arrives.
    Exited(Exit),
    /// The program has become a template: [`Sandbox::clone_into`] makes clones of it.
    Settled,
    /// It cannot be one, for this reason, and nothing of it is left.
    Unfit(String),
    /// It could not become one this time, for this reason, which may pass; nothing of it is left.
    Hindered(String),
    /// Pid 1 is gone: the sandbox is dead.
    Gone,
}

/// What a sandbox has used since its creation; zeros where the machine cannot measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Most memory at one time, in bytes.
    pub memory_peak_bytes: u64,
    /// CPU time of all its processes, in microseconds.
    pub cpu_us: u64,
    /// Processes that the kernel killed because the memory limit was reached.
    pub oom_kills: u64,
}

impl From<cgroup::Usage> for Usage {
    fn from(usage: cgroup::Usage) -> Self {
        let cgroup::Usage {
            memory_peak_bytes,
            cpu_us,
            oom_kills,
        } = usage;
        Self {
            memory_peak_bytes,
            cpu_us,
            oom_kills,
        }
    }
}

/// What comes with the code of a sandbox that was made without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Nothing, for nobody waits.
    None,
    /// For the program that [`Sandbox::start_waiting`] started.
    Bytes(Vec<u8>),
    /// For the process of [`Sandbox::await_program`].
    Program(&'a Program),
}

impl Input<'_> {
    fn encode(self) -> Result<Vec<u8>, Error> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Bytes(bytes) => Ok(bytes),
            Self::Program(program) => {
                postcard::to_stdvec(program).map_err(|error| Error::Io(io::Error::other(error)))
            }
        }
    }
}

/// One sandbox. Dropping it kills everything inside; `destroy` also waits for it.
pub struct Sandbox {
    link: Arc<Link>,
    id: u64,
    listener: Option<TcpListener>,
    output: Option<pipe::Receiver>,
    tunnel: Option<Tunnel>,
    pub(crate) talk: Talk,
    meter: Option<Meter>,
    mounts: Duration,
    pub(crate) cloning: Cloning,
    destroyed: bool,
}

/// What the spawner tells of a new one.
pub(crate) struct Made {
    pub(crate) id: u64,
    pub(crate) group: Option<GroupFiles>,
    pub(crate) mounts: Duration,
    /// Below another one, into which clones come from there.
    pub(crate) is_below: bool,
}

impl Sandbox {
    /// From the spawner's answer; the descriptors are listener, output, control and, where there are such,
    /// pid 1 and tunnel. `None` if they were lost. Whatever fails, the spawner is told to destroy it.
    pub(crate) fn assemble(
        link: Arc<Link>,
        made: Made,
        descriptors: Option<Vec<OwnedFd>>,
    ) -> Result<Self, Failure> {
        let Made {
            id,
            group,
            mounts,
            is_below,
        } = made;
        let lost = descriptors.is_none();
        let mut descriptors = descriptors.into_iter().flatten().peekable();
        let (Some(listener), Some(output), Some(control)) =
            (descriptors.next(), descriptors.next(), descriptors.next())
        else {
            link.tell(What::Destroy { sandbox: id });
            return Err(match lost {
                true => Failure::new(LOST, Errno::MFILE),
                false => Failure::new("take over a sandbox", Errno::BADMSG),
            });
        };
        let process = descriptors.next_if(|_| is_below);
        let parts = || -> io::Result<_> {
            let listener = TcpListener::from_std(std::net::TcpListener::from(listener))?;
            let output = pipe::Receiver::from_owned_fd(output)?;
            let tunnel = descriptors.next().map(Tunnel::new).transpose()?;
            Ok((listener, output, tunnel, Talk::begin(control)?))
        };
        let (listener, output, tunnel, talk) = parts()
            .map_err(at("take over a sandbox"))
            .inspect_err(|_| {
                link.tell(What::Destroy { sandbox: id });
            })?;
        Ok(Self {
            link,
            id,
            listener: Some(listener),
            output: Some(output),
            tunnel,
            talk,
            meter: group.map(Meter::new),
            mounts,
            cloning: Cloning::into(process),
            destroyed: false,
        })
    }

    /// Listens on 127.0.0.1:9001 inside the sandbox's network name space. Taken once.
    pub fn take_listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    /// Whether a program inside has connected to the listener, which has not been taken yet.
    pub fn has_caller(&self) -> bool {
        self.listener.as_ref().is_some_and(|listener| {
            let mut wanted = [PollFd::new(listener, PollFlags::IN)];
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            matches!(poll(&mut wanted, Some(&now)), Ok(1..))
        })
    }

    /// Read end of stdout and stderr, non-blocking. Taken once.
    pub fn take_output(&mut self) -> Option<pipe::Receiver> {
        self.output.take()
    }

    /// Where its datagrams come out, if there is such a way. Taken once.
    pub fn take_tunnel(&mut self) -> Option<Tunnel> {
        self.tunnel.take()
    }

    /// How long its own mounts took, when it was made.
    pub fn mounts(&self) -> Duration {
        self.mounts
    }

    /// Mounts code at /var/task, once, in a sandbox that was made without, and gives what waits there its input, and then
    /// the end. A program that works in that folder has to enter it again. The spawner does both, so that
    /// the program runs before this returns.
    ///
    /// # Errors
    /// Fails if it has code already, if nobody waits who has something to read, or if that is too long for a message; then,
    /// as after any other failure, only `destroy` is left.
    pub async fn mount_code(&self, code: &CodeTree, input: Input<'_>) -> Result<(), Error> {
        let what = What::MountCode {
            sandbox: self.id,
            code: code.code(),
            input: input.encode()?,
        };
        match self.link.ask(what, &[]).await? {
            Reply::Outcome(Outcome::Done) => Ok(()),
            reply => Err(unexpected(reply)),
        }
    }

    /// Starts the program; its failure to start comes as an event.
    ///
    /// # Errors
    /// Fails if pid 1 is gone or the program's arguments and environment are too long for a message.
    pub async fn start(&self, program: &Program) -> Result<(), Error> {
        self.start_with(program, Stdin::Null).await
    }

    /// The same, but its standard input is what comes with the code of a sandbox that was made without.
    ///
    /// # Errors
    /// As `start`.
    pub async fn start_waiting(&self, program: &Program) -> Result<(), Error> {
        self.start_with(program, Stdin::Pipe).await
    }

    /// Has a process become the program that comes with the code of a sandbox that was made without.
    ///
    /// # Errors
    /// As `start`.
    pub async fn await_program(&self) -> Result<(), Error> {
        self.talk.command(&Command::Await, &[], |_| {}).await
    }

    async fn start_with(&self, program: &Program, stdin: Stdin) -> Result<(), Error> {
        let program = program.clone();
        let command = Command::Start { program, stdin };
        self.talk.command(&command, &[], |_| {}).await
    }

    /// Kills every process but pid 1 and resolves when they are gone; /tmp and the log pipe stay. The program's
    /// exit arrives as an event.
    ///
    /// # Errors
    /// Fails if the kernel does not end them within 10 s: then only `destroy` is left.
    pub async fn kill_programs(&self) -> Result<(), Error> {
        let mut goal = 0;
        let asked = self.talk.command(&Command::Kill, &[], |inbox| {
            inbox.kills_asked += 1;
            goal = inbox.kills_asked;
        });
        match asked.await {
            Ok(()) => {}
            // With pid 1 everything is gone.
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error),
        }
        let killed = self.talk.wait(Matter::Life, |inbox| {
            (inbox.kills_done >= goal || inbox.gone).then_some(())
        });
        tokio::time::timeout(KILL_TIMEOUT, killed)
            .await
            .map_err(|_| Error::Io(io::ErrorKind::TimedOut.into()))
    }

    /// The next event. Cancel safe.
    pub async fn event(&self) -> Event {
        self.talk
            .wait(Matter::Life, |inbox| {
                inbox
                    .events
                    .pop_front()
                    .or_else(|| inbox.gone.then_some(Event::Gone))
            })
            .await
    }

    /// Peak memory, CPU time and out-of-memory kills since creation: reads, no waiting.
    ///
    /// # Errors
    /// Fails if the kernel's files cannot be read.
    pub fn usage(&self) -> io::Result<Usage> {
        self.meter
            .as_ref()
            .map_or(Ok(Usage::default()), |meter| meter.usage().map(Usage::from))
    }

    /// CPU quota in thousandths of a core; `None` is unlimited. Takes effect at once. Without control groups
    /// there is no quota, which the start has told.
    ///
    /// # Errors
    /// Fails if the kernel refuses the quota.
    pub fn set_cpu_limit(&self, millicores: Option<u32>) -> io::Result<()> {
        self.meter
            .as_ref()
            .map_or(Ok(()), |meter| meter.files().set_cpu_limit(millicores))
    }

    /// Stops it and lets it go on; `None` where the machine cannot, which the start has told.
    pub fn freezer(&self) -> Option<Freezer> {
        let files = self.meter.as_ref()?.files();
        files.can_freeze().then(|| Freezer::new(files.clone()))
    }

    /// Holds no more descriptors than a sandbox needs that does nothing; the next `usage` opens them again.
    pub fn rest(&self) {
        self.meter.iter().for_each(Meter::rest);
    }

    /// Kills the sandbox and resolves when no process, cgroup or mount of it is left, or after a minute: then it is
    /// dropped with a warning, and the spawner goes on alone.
    pub async fn destroy(mut self) {
        let what = What::Destroy { sandbox: self.id };
        let asked = tokio::time::timeout(DESTROY_TIMEOUT, self.link.ask(what, &[])).await;
        self.talk.end().await;
        let Ok(asked) = asked else {
            return tracing::warn!(
                "a sandbox is not gone {} s after its end was asked for: a process in it waits for the machine, or \
                 the spawner does; nobody waits for it any more",
                DESTROY_TIMEOUT.as_secs()
            );
        };
        if let (Err(_), Some(freezer)) = (asked, self.freezer()) {
            // Without a spawner the kernel has killed it already, which a frozen process does not hear.
            let _ = freezer.thaw();
        }
        self.destroyed = true;
    }

    /// Whether nothing has been told that nobody has asked for: a program that was started still runs.
    pub fn is_quiet(&self) -> bool {
        self.talk.is_quiet()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Resolves when pid 1 has said its first word.
    pub(crate) async fn ready(&self) -> Result<(), Error> {
        let ready = self.talk.wait(Matter::Life, |inbox| {
            (inbox.ready || inbox.gone).then_some(inbox.ready)
        });
        match tokio::time::timeout(READY_TIMEOUT, ready).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::new("start pid 1", Errno::CHILD).into()),
            Err(_) => Err(Failure::new("start pid 1", Errno::TIMEDOUT).into()),
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !self.destroyed {
            self.link.tell(What::Destroy { sandbox: self.id });
        }
    }
}
