//! A process that is ready to become the program: forked and restricted while nobody waits for it.
//!
//! ```text
//! waits ──told what to execute──▶ the program
//!   │ │     └── cannot be executed ──▶ its error number, and its end
//!   │ └─told where it will be told─▶ waits there ──▶ the same
//!   └── killed ──▶ its end
//! ```
//! Until then it runs nothing but this, and nobody else is there who could see it.

use crate::descriptors;
use crate::kernel::child;
use crate::message::{MESSAGE_BYTES_MAX, Program};
use crate::socket::{receive, send};
use nix::sys::signal::SigSet;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Resource, Rlimit, chdir, setpgid, setrlimit};
use rustix::stdio::dup2_stdin;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What it says when it is restricted.
const READY: &[u8] = b"l";

/// What it is to execute.
#[derive(Serialize, Deserialize)]
pub(crate) enum Wanted {
    /// This. It reads what comes along, or nothing.
    This(Program),
    /// What is read from what comes along. It reads nothing then.
    Told,
}

/// It waits.
pub(crate) struct Prepared {
    pub(crate) pid: Pid,
    talk: OwnedFd,
}

/// One that will become the program without a word to pid 1.
pub(crate) struct Awaiting {
    talk: OwnedFd,
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

    /// Returns when it is the program, which reads that input or nothing.
    pub(crate) fn become_program(
        &self,
        program: Program,
        input: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        self.tell(&Wanted::This(program), input)?;
        match failure(&self.talk, RecvFlags::empty())? {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// It will become the program that it reads there.
    pub(crate) fn await_program(self, input: &OwnedFd) -> io::Result<Awaiting> {
        self.tell(&Wanted::Told, Some(input.as_fd()))?;
        Ok(Awaiting { talk: self.talk })
    }

    fn tell(&self, wanted: &Wanted, input: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let wanted = postcard::to_stdvec(wanted).map_err(|_| Errno::MSGSIZE)?;
        Ok(send(&self.talk, &wanted, input.as_slice())?)
    }
}

impl Awaiting {
    /// Why it ended before it was the program, if it could tell.
    pub(crate) fn failure(&self) -> Option<Errno> {
        failure(&self.talk, RecvFlags::DONTWAIT).ok().flatten()
    }
}

/// Why there is no program. Its end of the talk is closed when it is executed, or ends: then its end is told like that of
/// any program.
fn failure(talk: &OwnedFd, flags: RecvFlags) -> Result<Option<Errno>, Errno> {
    let mut said = [0; size_of::<i32>()];
    let (length, _) = receive(talk, &mut said, flags)?;
    Ok(error_in(&said[..length]))
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
    let heard = listener.as_ref().map(AsFd::as_fd);
    send(talk, READY, heard.as_slice())?;
    // The program must never hold it: with it, it could answer its own calls.
    drop(listener);
    // After that: whoever sends descriptors must not have less than others have on their way.
    limit_descriptors()?;
    let mut bytes = vec![0; MESSAGE_BYTES_MAX];
    let (length, mut sent) = receive(talk, &mut bytes, RecvFlags::empty())?;
    match (read(&bytes[..length])?, sent.next()) {
        (Wanted::This(program), input) => {
            input.map_or(Ok(()), dup2_stdin)?;
            execute(program)
        }
        (Wanted::Told, Some(input)) => {
            bytes.clear();
            let most = MESSAGE_BYTES_MAX as u64;
            File::from(input).take(most).read_to_end(&mut bytes)?;
            execute(read(&bytes)?)
        }
        (Wanted::Told, None) => Err(Errno::BADF.into()),
    }
}

fn read<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Errno> {
    postcard::from_bytes(bytes).map_err(|_| Errno::BADMSG)
}

fn execute(program: Program) -> io::Result<Infallible> {
    let Program { argv, env, cwd } = program;
    let pairs = env
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"));
    let (argv, env) = (terminated(argv)?, terminated(pairs)?);
    chdir(cwd)?;
    let path = argv.first().ok_or(Errno::NOENT)?;
    Ok(child::execute(path, &argv, &env)?)
}

fn terminated(texts: impl IntoIterator<Item = String>) -> Result<Vec<CString>, Errno> {
    let texts = texts.into_iter().map(CString::new);
    texts.collect::<Result<_, _>>().map_err(|_| Errno::INVAL)
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
