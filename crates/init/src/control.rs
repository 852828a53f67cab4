//! The control socket, which pid 1 finds at its standard input.

use crate::message::{Command, MESSAGE_BYTES_MAX, Report};
use crate::socket::{self, Sent};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::stdio::stdin;
use std::cell::RefCell;
use std::os::fd::BorrowedFd;

/// What the server says.
pub(crate) enum Received {
    /// A command, with the descriptors that came with it.
    Command(Command, Sent),
    /// Nothing, for now.
    Nothing,
    /// Nothing any more: its end is closed, or speaks another language.
    End,
}

/// The next command, if there is one.
pub(crate) fn receive() -> Received {
    RECEIVED.with_borrow_mut(|bytes| receive_into(bytes))
}

thread_local! {
    /// Made once: to fill it with zeros takes longer than a short message.
    static RECEIVED: RefCell<Vec<u8>> = RefCell::new(vec![0; MESSAGE_BYTES_MAX]);
}

fn receive_into(bytes: &mut [u8]) -> Received {
    match socket::receive(stdin(), bytes, RecvFlags::DONTWAIT) {
        Err(Errno::AGAIN) => Received::Nothing,
        Ok((0, _)) | Err(_) => Received::End,
        Ok((length, sent)) => match postcard::from_bytes(&bytes[..length]) {
            Ok(command) => Received::Command(command, sent),
            Err(_) => Received::End,
        },
    }
}

/// Tells the server. An error means that nobody listens any more.
pub(crate) fn report(report: &Report) -> std::io::Result<()> {
    Ok(report_with(report, &[])?)
}

/// The same, with two descriptors at most. The server may have made the socket non-blocking at its own end only; this
/// end waits.
pub(crate) fn report_with(report: &Report, descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let bytes = postcard::to_stdvec(report).map_err(|_| Errno::MSGSIZE)?;
    socket::send(stdin(), &bytes, descriptors)
}
