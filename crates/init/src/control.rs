//! The control socket, which pid 1 finds at its standard input.

use crate::message::{Command, MESSAGE_BYTES_MAX, Report};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::stdio::stdin;
use std::cell::RefCell;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

/// What the server says.
pub(crate) enum Received {
    /// A command, with the descriptors that came with it.
    Command(Command, Sent),
    /// Nothing, for now.
    Nothing,
    /// Nothing any more: its end is closed, or speaks another language.
    End,
}

/// In their order.
pub(crate) type Sent = std::vec::IntoIter<OwnedFd>;

/// Most descriptors of one message.
const DESCRIPTORS_MAX: usize = 2;

/// The next command, if there is one.
pub(crate) fn receive() -> Received {
    RECEIVED.with_borrow_mut(|bytes| receive_into(bytes))
}

thread_local! {
    /// Made once: to fill it with zeros takes longer than a short message.
    static RECEIVED: RefCell<Vec<u8>> = RefCell::new(vec![0; MESSAGE_BYTES_MAX]);
}

fn receive_into(bytes: &mut [u8]) -> Received {
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    loop {
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(bytes)];
        match recvmsg(stdin(), &mut parts, &mut control, flags) {
            Ok(received) if received.bytes == 0 => return Received::End,
            Ok(received) => {
                let Ok(command) = postcard::from_bytes(&bytes[..received.bytes]) else {
                    return Received::End;
                };
                let sent = control.drain().flat_map(|message| match message {
                    RecvAncillaryMessage::ScmRights(sent) => sent.collect(),
                    _ => Vec::new(),
                });
                let sent: Vec<_> = sent.collect();
                return Received::Command(command, sent.into_iter());
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Received::Nothing,
            Err(_) => return Received::End,
        }
    }
}

/// Tells the server. An error means that nobody listens any more.
pub(crate) fn report(report: &Report) -> std::io::Result<()> {
    Ok(report_with(report, &[])?)
}

/// The same, with two descriptors at most.
pub(crate) fn report_with(report: &Report, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let bytes = postcard::to_stdvec(report).map_err(|_| Errno::MSGSIZE)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    loop {
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let parts = [IoSlice::new(&bytes)];
        // The server may have made the socket non-blocking at its own end only; this end waits.
        match sendmsg(stdin(), &parts, &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            sent => return sent.map(drop),
        }
    }
}
