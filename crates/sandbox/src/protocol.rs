//! What the server and the spawner say to each other, over one SOCK_SEQPACKET pair.
//!
//! A request carries a number, its answer the same one; answers come in any order. Descriptors travel beside
//! the message; where they find no room, its receiver fails what they were for and goes on. A message that does not
//! fit or does not parse is an error of the program, and ends the talk.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::SpawnerConfig;
use crate::error::Rejection;
use crate::failure::Failure;
use crate::isolation::Isolation;
use crate::linux::cgroup::GroupFiles;
use crate::root::Root;

/// Descriptor that a spawner finds its end of the pair at.
pub(crate) const SPAWNER_FD: i32 = 3;
/// 64 binds with paths of ordinary length; a longer message is refused by its sender.
const MESSAGE_BYTES_MAX: usize = 32 << 10;
/// The listener, the output, the control socket, pid 1 and the way out of datagrams; no message has more.
pub(crate) const DESCRIPTORS_MAX: usize = 5;

/// First message of the server.
#[derive(Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) config: SpawnerConfig,
}

/// First message of the spawner, after it has tried everything once.
#[derive(Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) isolation: Isolation,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) id: u64,
    pub(crate) what: What,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum What {
    /// Answered by `Created` with descriptors: listener, output, control, pid 1 of one below another and,
    /// where sandboxes have one, the way out of datagrams.
    Create(CreateSandbox),
    /// Comes with the package as a descriptor. Answered by `Unpacked` or `Rejected`.
    Unpack {
        bytes_max: u64,
        entries_max: u32,
        timeout_ms: u64,
    },
    /// Of a sandbox that was made without code, once: mounts it, and then gives its program what that waits for. Answered
    /// by `Done`.
    MountCode {
        sandbox: u64,
        code: Code,
        input: Vec<u8>,
    },
    /// Answered by `Done` when no process, cgroup or mount of it is left.
    Destroy { sandbox: u64 },
    /// Not answered.
    FreeTree { tree: u64 },
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CreateSandbox {
    pub(crate) root: Root,
    /// None where the code comes later.
    pub(crate) code: Option<Code>,
    pub(crate) memory_bytes: u64,
    pub(crate) tmp_bytes: u64,
    pub(crate) processes_max: u32,
    pub(crate) lineage: Lineage,
}

/// The trees of a function's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) tree: u64,
    /// What was compiled from it.
    pub(crate) compiled: Option<u64>,
}

/// What a sandbox is among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Lineage {
    Alone,
    Template,
    CloneOf(u64),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    pub(crate) outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Outcome {
    Created {
        sandbox: u64,
        /// None where the machine has no control groups.
        group: Option<GroupFiles>,
        /// How long its mounts took.
        mounts_us: u32,
        /// Comes with its pid 1 then, behind the control socket.
        is_below: bool,
    },
    Unpacked {
        tree: u64,
        bytes: u64,
    },
    Rejected(Rejection),
    Failed(Failure),
    Done,
}

/// Sends one message with descriptors. On a full non-blocking socket: `WouldBlock`, and nothing was sent.
pub(crate) fn send<T: Serialize>(
    socket: impl AsFd,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = postcard::to_stdvec(message).map_err(io::Error::other)?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(invalid("the message is too long"));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(invalid("too many descriptors"));
    }
    sendmsg(
        socket,
        &[IoSlice::new(&bytes)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

thread_local! {
    /// To fill it with zeros for each short message would take longer than all else.
    static RECEIVED: RefCell<Vec<u8>> = RefCell::new(vec![0; MESSAGE_BYTES_MAX]);
}

/// Receives one message with its descriptors; `None` when the other end is closed. One whose descriptors were lost is
/// an error.
pub(crate) fn receive<T: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let whole = |(message, descriptors): EvenCut<T>| match descriptors {
        Some(descriptors) => Ok((message, descriptors)),
        None => Err(Errno::MFILE.into()),
    };
    receive_even_cut(socket)?.map(whole).transpose()
}

/// A message, and the descriptors that came with it unless they were lost.
pub(crate) type EvenCut<T> = (T, Option<Vec<OwnedFd>>);

/// The same, but of a message whose descriptors found no room in this process's table, which had none free, the words
/// come alone: the kernel has closed those descriptors, and the talk goes on.
pub(crate) fn receive_even_cut<T: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<Option<EvenCut<T>>> {
    RECEIVED.with_borrow_mut(|bytes| receive_into(bytes, socket))
}

fn receive_into<T: DeserializeOwned>(
    bytes: &mut [u8],
    socket: impl AsFd,
) -> io::Result<Option<EvenCut<T>>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(bytes)];
    let received = recvmsg(socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(invalid("a message came cut"));
    }
    let length = received.bytes;
    if length == 0 {
        return Ok(None);
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(sent) = message {
            descriptors.extend(sent);
        }
    }
    // The kernel says so after it has handed over those that it could: some of them are of no use.
    let are_whole = !received.flags.contains(ReturnFlags::CTRUNC);
    let descriptors = are_whole.then_some(descriptors);
    match postcard::take_from_bytes(&bytes[..length]) {
        Ok((message, [])) => Ok(Some((message, descriptors))),
        Ok(_) => Err(invalid("a message is longer than what it says")),
        Err(error) => Err(invalid(&error.to_string())),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
