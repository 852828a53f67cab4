//! The control socket, which pid 1 finds at its standard input.

use crate::message::{Command, MESSAGE_BYTES_MAX, Report};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::stdio::stdin;

/// Waits for the next command; `None` when the server's end is closed or speaks another language.
pub(crate) fn receive() -> Option<Command> {
    let mut bytes = vec![0; MESSAGE_BYTES_MAX];
    loop {
        match recv(stdin(), bytes.as_mut_slice(), RecvFlags::empty()) {
            Ok((0, _)) => return None,
            Ok((length, _)) => return postcard::from_bytes(&bytes[..length]).ok(),
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
}

/// Tells the server. An error means that nobody listens any more.
pub(crate) fn report(report: Report) -> std::io::Result<()> {
    let bytes = postcard::to_stdvec(&report).map_err(std::io::Error::other)?;
    // The server may have made the socket non-blocking at its own end only; this end waits.
    send(stdin(), &bytes, SendFlags::NOSIGNAL)?;
    Ok(())
}
