//! Which connection a socket is: its cookie, which no other has, and its two ends, by which the kernel finds it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use rustix::net::{getsockname, sockopt};

/// A connection of this network name space, whoever holds its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    cookie: u64,
    local: SocketAddr,
    peer: SocketAddr,
}

impl Flow {
    /// Of a TCP socket that is connecting to `peer` or connected.
    ///
    /// # Errors
    /// Fails if it is no such socket.
    pub fn of(socket: impl AsFd, peer: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            cookie: sockopt::socket_cookie(&socket)?,
            local: getsockname(&socket)?.try_into()?,
            peer,
        })
    }

    /// What the kernel names the socket by, once and for all.
    pub fn cookie(&self) -> u64 {
        self.cookie
    }

    /// `struct inet_diag_sockid`, with its family: the ports and addresses of both ends, any interface, the cookie.
    pub(super) fn socket_id(&self) -> (u8, [u8; 48]) {
        let mut id = [0; 48];
        id[..2].copy_from_slice(&self.local.port().to_be_bytes());
        id[2..4].copy_from_slice(&self.peer.port().to_be_bytes());
        put(&mut id[4..20], self.local.ip());
        put(&mut id[20..36], self.peer.ip());
        // The cookie is two words, the lower one first.
        id[40..44].copy_from_slice(&(self.cookie as u32).to_ne_bytes());
        id[44..].copy_from_slice(&((self.cookie >> 32) as u32).to_ne_bytes());
        let family = match self.local {
            SocketAddr::V4(_) => libc::AF_INET,
            SocketAddr::V6(_) => libc::AF_INET6,
        };
        (family as u8, id)
    }
}

fn put(place: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(v4) => place[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => place.copy_from_slice(&v6.octets()),
    }
}
