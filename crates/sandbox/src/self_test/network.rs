//! The network as it looks from inside: nothing to reach but itself and the Runtime API.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::time::Duration;

use super::world::ADDRESS;
use super::{Aims, Found};

/// Where this program waits to be reached from outside.
pub(super) const PORT: u16 = 9_002;
const RUNTIME_API: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9_001);
/// Refusals come at once; silence is as good.
const TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn listen() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))
}

/// Until the server has taken the connection and closed it.
pub(super) fn wait_for_the_server() {
    if let Ok(mut connection) = TcpStream::connect(RUNTIME_API) {
        // Nothing is sent: this ends when the other side closes.
        let _ = connection.read(&mut [0]);
    }
}

pub(super) fn outbound(aims: &Aims) -> Found {
    let world = SocketAddr::from((ADDRESS, aims.port));
    if TcpStream::connect_timeout(&world, TIMEOUT).is_ok() {
        return Err(format!("{world} was reached by TCP"));
    }
    let sent =
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.send_to(b"x", world));
    match sent {
        Ok(_) => Err(format!("a datagram left for {world}")),
        Err(_) => Ok(format!("{world} cannot be reached")),
    }
}

pub(super) fn abstract_socket(aims: &Aims) -> Found {
    let address =
        UnixAddress::from_abstract_name(&aims.socket_name).map_err(|error| error.to_string())?;
    match UnixStream::connect_addr(&address) {
        Ok(_) => Err("an abstract socket of the machine was reached".into()),
        Err(_) => Ok("an abstract socket of the machine is not there".into()),
    }
}

pub(super) fn interfaces(_: &Aims) -> Found {
    let table = fs::read_to_string("/proc/net/dev").map_err(|error| error.to_string())?;
    let names: Vec<&str> = table
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
        .collect();
    match names.as_slice() {
        ["lo"] => Ok("loopback alone".into()),
        _ => Err(names.join(", ")),
    }
}
