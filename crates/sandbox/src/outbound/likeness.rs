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
use super::options::Options;

/// What a program's socket is like, read at one moment. Holds no descriptor.
#[derive(Debug)]
pub struct Likeness {
    family: AddressFamily,
    options: Options,
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
    /// Reads it, and closes the program's.
    ///
    /// # Errors
    /// What `connect` may fail with where it is no TCP socket over IPv4 or IPv6.
    pub fn of(original: OwnedFd) -> io::Result<Self> {
        let family = sockopt::socket_domain(&original)?;
        let is_ipv6 = family == AddressFamily::INET6;
        if !(is_ipv6 || family == AddressFamily::INET) {
            return Err(Errno::AFNOSUPPORT.into());
        }
        let kind = sockopt::socket_type(&original)?;
        let protocol = sockopt::socket_protocol(&original)?;
        if kind != SocketType::STREAM || protocol != Some(ipproto::TCP) {
            return Err(Errno::PROTOTYPE.into());
        }
        Ok(Self {
            family,
            options: Options::read(&original, is_ipv6),
            nonblocking: fcntl_getfl(&original)?.contains(OFlags::NONBLOCK),
        })
    }

    /// Whether the program's does not block.
    pub fn is_nonblocking(&self) -> bool {
        self.nonblocking
    }

    /// A new socket like it, which does not block.
    ///
    /// # Errors
    /// A want of descriptors or memory.
    pub fn socket(&self) -> io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(self.family, SocketType::STREAM, flags, None)?;
        self.options.set_on(&socket);
        Ok(socket)
    }

    /// Begins to connect a new socket, and waits for nothing. Then it blocks if the program's does.
    ///
    /// # Errors
    /// The error number that `connect` fails with, if that is known already; a want of descriptors or memory.
    pub fn connect(&self, destination: SocketAddr) -> io::Result<Connecting> {
        let socket = self.socket()?;
        match connect(&socket, &destination) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let progress = match is_connected(&socket)? {
            true => Progress::Connected,
            false => Progress::InProgress,
        };
        if !self.nonblocking {
            fcntl_setfl(&socket, OFlags::empty())?;
        }
        let flow = Flow::of(&socket, destination)?;
        Ok(Connecting {
            socket,
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
