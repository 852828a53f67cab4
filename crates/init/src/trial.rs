//! What a machine's start has a program do once, to see whether programs can have a network here.

use crate::kernel::sockets;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, OwnedFd};

/// An address for documentation (RFC 5737), and the port of a service that discards. It is named and not connected to:
/// whoever answers gives a socket that is connected to nothing.
const SOMEWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 9);

/// Connects, and looks whose socket it has got.
///
/// # Errors
/// What the connect failed with; EPROTO if it has not got another's.
pub fn try_network() -> Result<(), Errno> {
    let socket = own_socket()?;
    connect(&socket, &SOMEWHERE)?;
    let got = sockets::network_of(socket.as_fd())?;
    let own = sockets::network_of(own_socket()?.as_fd())?;
    if got == own {
        return Err(Errno::PROTO);
    }
    Ok(())
}

pub(crate) fn own_socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC;
    socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
}
