//! A process that is ready to become the program: forked and restricted while nobody waits for it.
//!
//! ```text
//! waits ──told what to execute──▶ the program
//!   │       └── cannot be executed ──▶ its error number, and its end
//!   └── killed ──▶ its end
//! ```
//! Until then it runs nothing but this, and nobody else is there who could see it.

use crate::descriptors;
use crate::kernel::child;
use crate::message::{MESSAGE_BYTES_MAX, Stdin};
use crate::socket::{receive, send};
use nix::sys::signal::SigSet;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Resource, Rlimit, setpgid, setrlimit};
use rustix::stdio::dup2_stdin;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What it says when it is restricted.
const READY: &[u8] = b"l";

/// What it is to execute.
#[derive(Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Path and arguments.
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Working folder.
    pub(crate) cwd: String,
    pub(crate) stdin: Stdin,
}

/// It waits.
pub(crate) struct Prepared {
    pub(crate) pid: Pid,
    talk: OwnedFd,
}

/// It has become the program.
pub(crate) struct Started {
    pub(crate) pid: Pid,
    /// What it reads, if that was wished for.
    pub(crate) input: Option<File>,
}

impl Prepared {
    /// Forks a process that does `restrict`, and waits for that. Returns the listener that came of it as well.
    pub(crate) fn fork(
        restrict: impl FnOnce() -> io::Result<Option<OwnedFd>>,
    ) -> io::Result<(Self, Option<OwnedFd>)> {
        let (ours, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let Some(pid) = child::fork()? else {
            drop(ours);
            let Err(error) = become_program(&theirs, restrict);
            let _ = send(&theirs, &number_of(&error).to_ne_bytes(), &[]);
            std::process::exit(1);
        };
        drop(theirs);
        let mut said = [0; size_of::<i32>()];
        let (length, mut sent) = receive(&ours, &mut said, RecvFlags::empty())?;
        match &said[..length] {
            READY => Ok((Self { pid, talk: ours }, sent.next())),
            said => Err(error_in(said).unwrap_or(Errno::CHILD).into()),
        }
    }

    /// Returns when it is the program.
    pub(crate) fn become_program(self, wanted: &Wanted) -> io::Result<Started> {
        let (theirs, input) = match wanted.stdin {
            Stdin::Null => (None, None),
            Stdin::Pipe => {
                let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
                (Some(theirs), Some(File::from(ours)))
            }
        };
        let wanted = postcard::to_stdvec(wanted).map_err(|_| Errno::MSGSIZE)?;
        send(&self.talk, &wanted, one(theirs.as_ref()).as_slice())?;
        // It is closed when it is executed, or ends: then its end is told like that of any program.
        let mut said = [0; size_of::<i32>()];
        let (length, _) = receive(&self.talk, &mut said, RecvFlags::empty())?;
        match error_in(&said[..length]) {
            Some(error) => Err(error.into()),
            None => Ok(Started {
                pid: self.pid,
                input,
            }),
        }
    }
}

/// The life of the process itself.
fn become_program(
    talk: &OwnedFd,
    restrict: impl FnOnce() -> io::Result<Option<OwnedFd>>,
) -> io::Result<Infallible> {
    setpgid(None, None)?;
    dup2_stdin(open(
        "/dev/null",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)?;
    // A program inherits the mask, and one that never hears of its children waits for them forever.
    SigSet::empty().thread_set_mask()?;
    let listener = restrict()?;
    send(talk, READY, one(listener.as_ref()).as_slice())?;
    // The program must never hold it: with it, it could answer its own calls.
    drop(listener);
    // After that: whoever sends descriptors must not have less than others have on their way.
    limit_descriptors()?;
    let mut bytes = vec![0; MESSAGE_BYTES_MAX];
    let (length, mut sent) = receive(talk, &mut bytes, RecvFlags::empty())?;
    let wanted: Wanted = postcard::from_bytes(&bytes[..length]).map_err(|_| Errno::BADMSG)?;
    if let Some(input) = sent.next() {
        dup2_stdin(input)?;
    }
    let [path, arguments @ ..] = wanted.argv.as_slice() else {
        return Err(Errno::NOENT.into());
    };
    let mut command = Command::new(path);
    let command = command.args(arguments).env_clear().envs(wanted.env);
    Err(command.current_dir(wanted.cwd).exec())
}

/// As what goes with a message.
fn one(descriptor: Option<&OwnedFd>) -> Option<BorrowedFd<'_>> {
    descriptor.map(AsFd::as_fd)
}

fn limit_descriptors() -> io::Result<()> {
    let few = Some(descriptors::OF_A_PROGRAM);
    let limit = Rlimit {
        current: few,
        maximum: few,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}

pub(crate) fn number_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::IO.raw_os_error())
}

/// Whether it was not there any more to be told. No exec fails so.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

/// That of a message which tells one.
fn error_in(said: &[u8]) -> Option<Errno> {
    let number = said.try_into().map(i32::from_ne_bytes).ok()?;
    Some(Errno::from_raw_os_error(number))
}
