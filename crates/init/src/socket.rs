//! Messages with descriptors, over a socket that keeps messages whole.

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Most descriptors of one message.
const DESCRIPTORS_MAX: usize = 2;

/// The descriptors of a message, in their order.
pub(crate) type Sent = std::vec::IntoIter<OwnedFd>;

/// Sends one message, with two descriptors at most.
pub(crate) fn send(
    to: impl AsFd,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    loop {
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let parts = [IoSlice::new(bytes)];
        match sendmsg(&to, &parts, &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            sent => return sent.map(drop),
        }
    }
}

/// The next message's length, 0 if there will be none, and what came with it.
pub(crate) fn receive(
    from: impl AsFd,
    bytes: &mut [u8],
    flags: RecvFlags,
) -> Result<(usize, Sent), Errno> {
    let flags = flags | RecvFlags::CMSG_CLOEXEC;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    loop {
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(bytes)];
        match recvmsg(&from, &mut parts, &mut control, flags) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
            Ok(received) => {
                let sent = control.drain().flat_map(|message| match message {
                    RecvAncillaryMessage::ScmRights(sent) => sent.collect(),
                    _ => Vec::new(),
                });
                let sent: Vec<_> = sent.collect();
                return Ok((received.bytes, sent.into_iter()));
            }
        }
    }
}
