//! A sandbox's network: loopback, and the sockets on it that are made before its rights are given up.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use super::links::{ADDRESS, LINK, UP, address_body, link_body};
use super::netlink::{ANSWER_BYTES_MAX, Netlink, push_request};

/// Port of the Runtime API inside; AWS uses the same.
const RUNTIME_API_PORT: u16 = 9001;
/// Of DNS.
const NAMES_PORT: u16 = 53;
/// Connections that wait to be accepted. A bootstrap opens one or two.
const BACKLOG: i32 = 128;

/// The first interface of every network name space.
const LOOPBACK: u32 = 1;
/// Brings up loopback and gives it further addresses, each alone: no route leads to any other. Needs the name space's
/// own CAP_NET_ADMIN. Where the kernel has no IPv6, an address of it is left out.
pub(crate) fn bring_up_loopback(addresses: &[IpAddr]) -> io::Result<()> {
    let netlink = Netlink::routes()?;
    let mut requests = Vec::new();
    push_request(&mut requests, LINK, 0, &link_body(LOOPBACK, UP));
    for (number, address) in (1..).zip(addresses) {
        let alone = if address.is_ipv4() { 32 } else { 128 };
        let body = address_body(LOOPBACK, *address, alone);
        push_request(&mut requests, ADDRESS, number, &body);
    }
    netlink.send(&requests)?;
    // What succeeds is not answered.
    let mut answers = [0; ANSWER_BYTES_MAX];
    loop {
        match netlink.receive(&mut answers) {
            Ok(messages) => messages.into_iter().try_for_each(|message| {
                let about = addresses.get((message.number as usize).wrapping_sub(1));
                match message.body {
                    Err(error) if !about.is_some_and(IpAddr::is_ipv6) => {
                        Err(io::Error::from_raw_os_error(error))
                    }
                    _ => Ok(()),
                }
            })?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// A non-blocking socket that listens on 127.0.0.1:9001 of the name space this process is in. It stays in
/// that name space when another process accepts from it.
pub(crate) fn listen_for_runtime() -> rustix::io::Result<OwnedFd> {
    listen_on(RUNTIME_API_PORT)
}

/// Non-blocking sockets on port 53 of loopback, for datagrams and for connections. Need the name space's own
/// CAP_NET_BIND_SERVICE.
pub(crate) fn listen_for_names() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let datagrams = on_loopback(SocketType::DGRAM, NAMES_PORT)?;
    Ok((datagrams, listen_on(NAMES_PORT)?))
}

fn listen_on(port: u16) -> Result<OwnedFd, Errno> {
    let socket = on_loopback(SocketType::STREAM, port)?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn on_loopback(kind: SocketType, port: u16) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, kind, flags, None)?;
    if kind == SocketType::STREAM {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    Ok(socket)
}
