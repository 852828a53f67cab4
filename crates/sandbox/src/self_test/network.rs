//! The network as it looks from inside: the world by TCP and by name, and nothing that is closed.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{
    IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, ToSocketAddrs, UdpSocket,
};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{bind, connect, connect_unspec, listen as listen_on};

use super::world::{
    DENIED, HTTP, MACHINE, MACHINE_V6, MAIL, METADATA, PORT as OPEN, SERVER, SERVER_V6,
};
use super::{Aims, Found, ground::SERVICE};

/// Where this program waits to be reached from outside.
pub(super) const PORT: u16 = 9_002;
const RUNTIME_API: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9_001);
/// Refusals come at once; silence is as good.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The world's resolver knows every name.
const NAME: &str = "world.example:8080";

pub(super) fn listen() -> io::Result<TcpListener> {
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
    let mut waiting = reach(TcpStream::connect((SERVER, OPEN)))?;
    echo(&mut waiting)?;
    let server = SocketAddr::from((SERVER, OPEN));
    let mut polling = reach(TcpStream::connect_timeout(&server, TIMEOUT))?;
    echo(&mut polling)?;
    if !aims.has_v6 {
        return Ok(format!(
            "{SERVER} is reached by TCP; there is no IPv6 to try"
        ));
    }
    let mut sixth = reach(TcpStream::connect((SERVER_V6, OPEN)))?;
    echo(&mut sixth)?;
    Ok(format!("{SERVER} and {SERVER_V6} are reached by TCP"))
}

pub(super) fn names(_: &Aims) -> Found {
    let found = NAME
        .to_socket_addrs()
        .map_err(|error| format!("{NAME}: {error}"))?;
    let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    match found.contains(&SERVER.into()) {
        true => Ok("the resolver on loopback answers".into()),
        false => Err(format!("{NAME} has the addresses {found:?}")),
    }
}

pub(super) fn mail(aims: &Aims) -> Found {
    refused(aims, (SERVER, MAIL), Errno::ACCESS)?;
    refused(aims, (SERVER_V6, MAIL), Errno::ACCESS)?;
    Ok("is closed".into())
}

pub(super) fn metadata(aims: &Aims) -> Found {
    refused(aims, (METADATA, HTTP), Errno::NETUNREACH)?;
    refused(aims, (METADATA.to_ipv6_mapped(), HTTP), Errno::NETUNREACH)?;
    Ok(format!("{METADATA} is out of reach, in both forms"))
}

pub(super) fn of_the_machine(aims: &Aims) -> Found {
    refused(aims, (MACHINE, SERVICE), Errno::NETUNREACH)?;
    refused(aims, (MACHINE.to_ipv6_mapped(), SERVICE), Errno::NETUNREACH)?;
    refused(aims, (MACHINE_V6, SERVICE), Errno::NETUNREACH)?;
    refused(aims, (Ipv4Addr::LOCALHOST, SERVICE), Errno::CONNREFUSED)?;
    Ok("a server on all addresses of the machine is out of reach".into())
}

pub(super) fn rules(aims: &Aims) -> Found {
    refused(aims, (DENIED, OPEN), Errno::ACCESS)?;
    refused(aims, (DENIED.to_ipv6_mapped(), OPEN), Errno::ACCESS)?;
    Ok(format!("a rule against {DENIED} is obeyed"))
}

pub(super) fn datagrams(_: &Aims) -> Found {
    let world = SocketAddr::from((SERVER, OPEN));
    let sent =
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| socket.send_to(b"x", world));
    match sent {
        Ok(_) => Err(format!("a datagram left for {world}")),
        Err(_) => Ok("cannot leave".into()),
    }
}

/// A socket that leads out leads nowhere else afterwards, and lets nobody in.
pub(super) fn handed_in(_: &Aims) -> Found {
    let mut stream = reach(TcpStream::connect((SERVER, OPEN)))?;
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT + 1);
    let elsewhere = SocketAddrV4::new(MACHINE, SERVICE);
    for (what, done) in [
        ("bound", bind(&stream, &any)),
        ("made to listen", listen_on(&stream, 1)),
        ("connected again", connect(&stream, &elsewhere)),
    ] {
        if done.is_ok() {
            return Err(format!("one was {what}"));
        }
    }
    echo(&mut stream)?;
    // Taken apart, it is one of the sandbox's own again, or stays as it is.
    let apart = connect_unspec(&stream).is_ok();
    if connect(&stream, &elsewhere).is_ok() {
        return Err("one that was taken apart reached the machine".into());
    }
    if apart && connect(&stream, &SocketAddrV4::new(SERVER, OPEN)).is_err() {
        return Err("one that was taken apart cannot be connected any more".into());
    }
    echo(&mut stream)?;
    Ok("cannot be bound, made to listen, or connected elsewhere".into())
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

fn reach(connected: io::Result<TcpStream>) -> Result<TcpStream, String> {
    connected.map_err(|error| format!("the world is not reached: {error}"))
}

fn echo(stream: &mut TcpStream) -> Result<(), String> {
    let mut echo = || {
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.write_all(b"x")?;
        stream.read_exact(&mut [0])
    };
    echo().map_err(|error: io::Error| format!("a connection to the world carries nothing: {error}"))
}

/// Whether a connection fails, and with this error.
fn refused(
    aims: &Aims,
    (address, port): (impl Into<IpAddr>, u16),
    expected: Errno,
) -> Result<(), String> {
    let address = SocketAddr::new(address.into(), port);
    if address.is_ipv6() && !aims.has_v6 {
        return Ok(());
    }
    match TcpStream::connect_timeout(&address, TIMEOUT) {
        Ok(_) => Err(format!("{address} was reached")),
        Err(error) if error.raw_os_error() == Some(expected.raw_os_error()) => Ok(()),
        Err(error) => Err(format!(
            "{address} is out of reach, with another error than promised: {error}"
        )),
    }
}
