//! A new socket of the machine's network that is like a program's own.
//!
//! The program's socket comes from hostile hands: it is asked for its kind and its options, and nothing else is done
//! with it. It is closed as soon as it has been asked, since closing a socket that somebody else connects meanwhile
//! could wait for as long as its program wants.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, connect, getpeername, ipproto, socket_with, sockopt,
};

use super::flow::Flow;
use super::options;

/// A socket in place of another.
#[derive(Debug)]
pub struct Likeness {
    socket: OwnedFd,
    /// The program's is not blocking either.
    nonblocking: bool,
}

/// A socket on its way to another machine.
#[derive(Debug)]
pub struct Connecting {
    /// The socket, which blocks as the program's does.
    pub socket: OwnedFd,
    /// How far it is.
    pub progress: Progress,
    /// Finds it again in other hands.
    pub flow: Flow,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It stands.
    Connected,
    /// Its socket can be written to when it has ended, well or not.
    InProgress,
}

impl Likeness {
    /// Makes one, with the options that the program set, and closes the program's.
    ///
    /// # Errors
    /// What `connect` may fail with where it is no TCP socket over IPv4 or IPv6; a want of descriptors or memory.
    pub fn of(original: OwnedFd) -> io::Result<Self> {
        let domain = sockopt::socket_domain(&original)?;
        let is_ipv6 = domain == AddressFamily::INET6;
        if !(is_ipv6 || domain == AddressFamily::INET) {
            return Err(Errno::AFNOSUPPORT.into());
        }
        let kind = sockopt::socket_type(&original)?;
        let protocol = sockopt::socket_protocol(&original)?;
        if kind != SocketType::STREAM || protocol != Some(ipproto::TCP) {
            return Err(Errno::PROTOTYPE.into());
        }
        let nonblocking = fcntl_getfl(&original)?.contains(OFlags::NONBLOCK);
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(domain, SocketType::STREAM, flags, None)?;
        options::copy(&original, &socket, is_ipv6);
        Ok(Self {
            socket,
            nonblocking,
        })
    }

    /// The socket alone. It does not block.
    pub fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// Begins to connect it, and waits for nothing; then it blocks if the program's does.
    ///
    /// # Errors
    /// The error number that `connect` fails with, if that is known already.
    pub fn connect(self, destination: SocketAddr) -> io::Result<Connecting> {
        match connect(&self.socket, &destination) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let progress = match is_connected(&self.socket)? {
            true => Progress::Connected,
            false => Progress::InProgress,
        };
        if !self.nonblocking {
            fcntl_setfl(&self.socket, OFlags::empty())?;
        }
        let flow = Flow::of(&self.socket, destination)?;
        Ok(Connecting {
            socket: self.socket,
            progress,
            flow,
        })
    }
}

/// Whether a handshake is over.
fn is_connected(socket: &OwnedFd) -> io::Result<bool> {
    sockopt::socket_error(socket)??;
    match getpeername(socket) {
        Ok(peer) => Ok(peer.is_some()),
        Err(Errno::NOTCONN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
