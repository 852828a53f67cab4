//! A sandbox's network: loopback, and the socket on it that the server answers the Runtime API from.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

/// Port of the Runtime API inside; AWS uses the same.
const RUNTIME_API_PORT: u16 = 9001;
/// Connections that wait to be accepted. A bootstrap opens one or two.
const BACKLOG: i32 = 128;

/// Brings up loopback. Needs the name space's own CAP_NET_ADMIN.
pub(crate) fn bring_up_loopback() -> io::Result<()> {
    let mut request = of_interface(b"lo");
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    ask(libc::SIOCSIFFLAGS, &request)
}

/// Gives loopback another address. Needs the name space's own CAP_NET_ADMIN.
pub(crate) fn add_to_loopback(address: Ipv4Addr) -> io::Result<()> {
    let mut request = of_interface(b"lo:1");
    let mut data = [0; 14];
    for (place, byte) in data[2..].iter_mut().zip(address.octets()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_addr = libc::sockaddr {
        sa_family: libc::AF_INET as libc::sa_family_t,
        sa_data: data,
    };
    ask(libc::SIOCSIFADDR, &request)
}

fn of_interface(name: &[u8]) -> libc::ifreq {
    // SAFETY: all fields are integers or arrays of them, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(name) {
        *place = *byte as libc::c_char;
    }
    request
}

fn ask(what: libc::c_ulong, request: &libc::ifreq) -> io::Result<()> {
    let socket = stream(SocketFlags::CLOEXEC)?;
    // SAFETY: both requests read an `ifreq`, which lives until the call returns.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), what as _, std::ptr::from_ref(request)) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A non-blocking socket that listens on 127.0.0.1:9001 of the name space this process is in. It stays in
/// that name space when another process accepts from it.
pub(crate) fn listen_for_runtime() -> rustix::io::Result<OwnedFd> {
    let socket = stream(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(
        &socket,
        &SocketAddrV4::new(Ipv4Addr::LOCALHOST, RUNTIME_API_PORT),
    )?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

fn stream(flags: SocketFlags) -> rustix::io::Result<OwnedFd> {
    socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
}
