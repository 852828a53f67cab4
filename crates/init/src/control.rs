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

/// Waits for the next command, with the descriptor that came with it; `None` when the server's end is closed or speaks
/// another language.
pub(crate) fn receive() -> Option<(Command, Option<OwnedFd>)> {
    RECEIVED.with_borrow_mut(|bytes| receive_into(bytes))
}

thread_local! {
    /// Made once: to fill it with zeros takes longer than a short message.
    static RECEIVED: RefCell<Vec<u8>> = RefCell::new(vec![0; MESSAGE_BYTES_MAX]);
}

fn receive_into(bytes: &mut [u8]) -> Option<(Command, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    loop {
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(bytes)];
        match recvmsg(stdin(), &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) if received.bytes == 0 => return None,
            Ok(received) => {
                let command = postcard::from_bytes(&bytes[..received.bytes]).ok()?;
                let sent = control.drain().find_map(|message| match message {
                    RecvAncillaryMessage::ScmRights(mut sent) => sent.next(),
                    _ => None,
                });
                return Some((command, sent));
            }
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Tells the server. An error means that nobody listens any more.
pub(crate) fn report(report: &Report) -> std::io::Result<()> {
    Ok(report_with(report, &[])?)
}

/// The same, with a descriptor at most.
pub(crate) fn report_with(report: &Report, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let bytes = postcard::to_stdvec(report).map_err(|_| Errno::MSGSIZE)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
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
