//! A new socket of the sandbox's own network that is like one of the machine's, to take its place.

use crate::kernel::sockets::{Setting, copy};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{SocketFlags, socket_with, sockopt};
use std::os::fd::{AsFd, OwnedFd};

/// What programs set before they connect. A program that connects a socket for the second time sets the rest again.
const COPIED: [Setting; 9] = [
    (libc::SOL_SOCKET, libc::SO_KEEPALIVE),
    (libc::SOL_SOCKET, libc::SO_LINGER),
    (libc::SOL_SOCKET, libc::SO_REUSEADDR),
    (libc::SOL_SOCKET, libc::SO_RCVTIMEO),
    (libc::SOL_SOCKET, libc::SO_SNDTIMEO),
    (libc::IPPROTO_TCP, libc::TCP_NODELAY),
    (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
    (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY),
    (libc::IPPROTO_IP, libc::IP_TOS),
];

/// Not connected, and blocking as the other is.
pub(super) fn like(other: &OwnedFd) -> Result<OwnedFd, Errno> {
    let family = sockopt::socket_domain(other)?;
    let kind = sockopt::socket_type(other)?;
    let own = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    for setting in COPIED {
        copy(setting, other.as_fd(), own.as_fd());
    }
    let blocks = !fcntl_getfl(other)?.contains(OFlags::NONBLOCK);
    if !blocks {
        fcntl_setfl(&own, OFlags::NONBLOCK)?;
    }
    Ok(own)
}
