//! The address, bound: early, as the starting user, so that a busy port is named before anything is made.

use crate::port;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel completes for us before we accept them; beyond it clients wait.
const BACKLOG: u32 = 4_096;

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process has the port.
    #[error("{address} is in use{}; stop it or choose another address with --listen", by(.holder))]
    InUse {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// The process that listens there, as far as we may see it.
        holder: Option<String>,
    },
    /// The system refuses for another reason.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

fn by(holder: &Option<String>) -> String {
    holder
        .as_ref()
        .map(|holder| format!(" by {holder}"))
        .unwrap_or_default()
}

/// A bound address. Needs no runtime; clients can connect once a server is made of it.
pub struct Listener {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Listener {
    /// Binds; port 0 picks a free one.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        bound(address).map_err(|source| refusal(address, source))
    }

    /// The address, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on clients can connect. Needs a runtime.
    pub(crate) fn listen(self) -> Result<TcpListener, BindError> {
        self.socket
            .listen(BACKLOG)
            .map_err(|source| refusal(self.address, source))
    }
}

fn bound(address: SocketAddr) -> io::Result<Listener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    let address = socket.local_addr()?;
    Ok(Listener { socket, address })
}

fn refusal(address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse {
            address,
            holder: port::holder(address.port()),
        },
        _ => BindError::Io { address, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_names_its_holder() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = Listener::bind(other.local_addr().unwrap()).err().unwrap();
        let text = refused.to_string();
        assert!(
            text.contains(&format!("(pid {})", std::process::id())),
            "{text}"
        );
    }
}
