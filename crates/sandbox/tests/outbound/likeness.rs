//! Sockets like others.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use lambkin_sandbox::outbound::{Likeness, Progress};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{Errno, FdFlags, fcntl_getfd};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, netlink, socket_with};

use crate::world::{PORT, World};

/// Nobody listens there.
const CLOSED_PORT: u16 = 8;

const PEER_V4: ([u8; 4], u16) = ([203, 0, 113, 2], PORT);
const PEER_V6: ([u16; 8], u16) = ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2], PORT);

fn tcp(family: AddressFamily, flags: SocketFlags) -> OwnedFd {
    socket_with(family, SocketType::STREAM, flags, None).expect("a socket")
}

/// Everything that can be asked of options, by level and name.
fn options(socket: &OwnedFd) -> Vec<(i32, i32, Option<i32>)> {
    let levels = [
        libc::SOL_SOCKET,
        libc::IPPROTO_IP,
        libc::IPPROTO_IPV6,
        libc::IPPROTO_TCP,
    ];
    let names = levels
        .into_iter()
        .flat_map(|level| (1..90).map(move |name| (level, name)));
    // The cookie, the CPU, the port and statistics of the handshake differ from socket to socket.
    let stable = names.filter(|(level, name)| {
        !matches!(
            (*level, *name),
            (libc::SOL_SOCKET, 49 | 56 | 57)
                | (libc::IPPROTO_IP, 52)
                | (libc::IPPROTO_TCP, 11 | 24)
        )
    });
    stable
        .map(|(level, name)| (level, name, number(socket, level, name)))
        .collect()
}

fn number(socket: &OwnedFd, level: i32, name: i32) -> Option<i32> {
    let (mut value, mut length) = ([0_i32; 4], 16);
    // SAFETY: the kernel writes at most `length` bytes, which `value` has.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(value[0])
}

fn set(socket: &OwnedFd, level: i32, name: i32, value: i32) {
    // SAFETY: the kernel reads the four bytes of `value`.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            4,
        )
    };
    assert_eq!(result, 0, "{level} {name}: {}", io::Error::last_os_error());
}

fn begin(original: OwnedFd, to: impl Into<SocketAddr>) -> io::Result<(OwnedFd, Progress)> {
    let begun = Likeness::of(original)?.connect(to.into())?;
    Ok((begun.socket, begun.progress))
}

pub(crate) fn options_are_taken_over(_: &mut World) {
    let original = tcp(AddressFamily::INET6, SocketFlags::NONBLOCK);
    for (level, name, value) in [
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
        (libc::SOL_SOCKET, libc::SO_OOBINLINE, 1),
        (libc::SOL_SOCKET, libc::SO_PRIORITY, 3),
        (libc::SOL_SOCKET, libc::SO_RCVLOWAT, 5),
        (libc::SOL_SOCKET, libc::SO_SNDBUF, 50_000),
        (libc::SOL_SOCKET, libc::SO_RCVBUF, 60_000),
        (libc::IPPROTO_IP, libc::IP_TOS, 0x10),
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS, 0x20),
        (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1),
        (libc::IPPROTO_TCP, libc::TCP_NODELAY, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 33),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 11),
        (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 4),
        (libc::IPPROTO_TCP, libc::TCP_SYNCNT, 2),
        (libc::IPPROTO_TCP, libc::TCP_LINGER2, 7),
        (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 9_000),
        (libc::IPPROTO_TCP, libc::TCP_MAXSEG, 1_000),
        (libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, 16_000),
    ] {
        set(&original, level, name, value);
    }
    for (timeout, seconds) in [(Timeout::Recv, 4), (Timeout::Send, 6)] {
        let time = Some(Duration::from_secs(seconds));
        sockopt::set_socket_timeout(&original, timeout, time).expect("a timeout");
    }
    sockopt::set_tcp_congestion(&original, "reno").expect("an algorithm");
    let before = options(&original);
    let (socket, _) = begin(original, PEER_V6).expect("a connection");
    let after = options(&socket);
    for ((level, name, was), (_, _, is)) in before.into_iter().zip(after) {
        // What a connection itself changes: its segments' size, the window, acceptance.
        let changes = level == libc::IPPROTO_TCP
            && [libc::TCP_MAXSEG, libc::TCP_WINDOW_CLAMP].contains(&name);
        let connected = level == libc::IPPROTO_IPV6 && name == libc::IPV6_MTU;
        if !changes && !connected && was.is_some() {
            assert_eq!(is, was, "level {level}, option {name}");
        }
    }
    assert_eq!(
        sockopt::tcp_congestion(&socket).expect("an algorithm"),
        "reno"
    );
    assert_eq!(
        sockopt::socket_timeout(&socket, Timeout::Send).expect("a timeout"),
        Some(Duration::from_secs(6))
    );
}

pub(crate) fn what_nobody_set_stays(_: &mut World) {
    for family in [AddressFamily::INET, AddressFamily::INET6] {
        let fresh = tcp(family, SocketFlags::empty());
        let expected = options(&fresh);
        let nowhere = tcp(family, SocketFlags::empty());
        let like = Likeness::of(nowhere).expect("a likeness");
        assert_eq!(options(&like.socket().expect("a socket")), expected);
    }
}

/// The server closes what it cannot hand in, and must not wait for bytes to leave; an end at once is no wait.
pub(crate) fn lingering_is_not_taken_over(_: &mut World) {
    let taken_over = |linger| {
        let original = tcp(AddressFamily::INET, SocketFlags::empty());
        sockopt::set_socket_linger(&original, linger).expect("an option");
        let like = Likeness::of(original).expect("a likeness");
        let socket = like.socket().expect("a socket");
        sockopt::socket_linger(&socket).expect("an option")
    };
    assert_eq!(taken_over(Some(Duration::from_secs(9))), None);
    assert_eq!(taken_over(Some(Duration::ZERO)), Some(Duration::ZERO));
}

pub(crate) fn only_tcp_is_taken(_: &mut World) {
    let of = |family, kind, protocol| {
        let socket = socket_with(family, kind, SocketFlags::empty(), protocol).expect("a socket");
        let error = Likeness::of(socket).expect_err("no TCP");
        Errno::from_io_error(&error)
    };
    let (v4, v6) = (AddressFamily::INET, AddressFamily::INET6);
    assert_eq!(of(v4, SocketType::DGRAM, None), Some(Errno::PROTOTYPE));
    assert_eq!(of(v6, SocketType::DGRAM, None), Some(Errno::PROTOTYPE));
    assert_eq!(
        of(v4, SocketType::STREAM, Some(ipproto::MPTCP)),
        Some(Errno::PROTOTYPE)
    );
    let unix = AddressFamily::UNIX;
    assert_eq!(of(unix, SocketType::STREAM, None), Some(Errno::AFNOSUPPORT));
    let link = AddressFamily::NETLINK;
    assert_eq!(
        of(link, SocketType::RAW, Some(netlink::SOCK_DIAG)),
        Some(Errno::AFNOSUPPORT)
    );
    let (pipe, _end) = rustix::pipe::pipe().expect("a pipe");
    let error = Likeness::of(pipe).expect_err("no socket");
    assert_eq!(Errno::from_io_error(&error), Some(Errno::NOTSOCK));
}

pub(crate) fn a_connection_is_begun_and_blocks_as_the_original(_: &mut World) {
    let v4 = AddressFamily::INET;
    for flags in [SocketFlags::empty(), SocketFlags::NONBLOCK] {
        let (socket, _) = begin(tcp(v4, flags), PEER_V4).expect("a connection");
        let nonblocking = fcntl_getfl(&socket)
            .expect("flags")
            .contains(OFlags::NONBLOCK);
        assert_eq!(nonblocking, flags == SocketFlags::NONBLOCK);
        assert!(
            fcntl_getfd(&socket)
                .expect("flags")
                .contains(FdFlags::CLOEXEC)
        );
        wait_until_writable(&socket);
        let stream = TcpStream::from(socket);
        assert_eq!(stream.peer_addr().expect("a peer"), PEER_V4.into());
    }
    // Nobody has the address: the kernel asks for it for some seconds.
    let silent = ([203, 0, 113, 99], PORT);
    let (_socket, progress) = begin(tcp(v4, SocketFlags::empty()), silent).expect("a beginning");
    assert_eq!(progress, Progress::InProgress);
    // In the form of IPv6, on a socket for both.
    let mapped = SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7102], PORT));
    let v6 = AddressFamily::INET6;
    let (socket, _) = begin(tcp(v6, SocketFlags::empty()), mapped).expect("a connection");
    wait_until_writable(&socket);
    assert_eq!(TcpStream::from(socket).peer_addr().expect("a peer"), mapped);
}

pub(crate) fn what_fails_at_once_is_told(_: &mut World) {
    let (v4, v6) = (AddressFamily::INET, AddressFamily::INET6);
    let fails = |family, to: SocketAddr| {
        let error = begin(tcp(family, SocketFlags::empty()), to).expect_err("a failure");
        Errno::from_io_error(&error)
    };
    assert_eq!(
        fails(v4, ([192, 0, 2, 1], 80).into()),
        Some(Errno::NETUNREACH)
    );
    assert_eq!(fails(v4, PEER_V6.into()), Some(Errno::AFNOSUPPORT));
    assert_eq!(fails(v6, PEER_V4.into()), Some(Errno::INVAL));
    let only = tcp(v6, SocketFlags::empty());
    sockopt::set_ipv6_v6only(&only, true).expect("an option");
    let mapped = SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7102], PORT));
    let error = begin(only, mapped).expect_err("a failure");
    assert_eq!(Errno::from_io_error(&error), Some(Errno::NETUNREACH));
    // The wire is short enough for the refusal to be known at once; if not, it comes as any does.
    match begin(tcp(v4, SocketFlags::empty()), (PEER_V4.0, CLOSED_PORT)) {
        Err(error) => assert_eq!(Errno::from_io_error(&error), Some(Errno::CONNREFUSED)),
        Ok((socket, progress)) => {
            assert_eq!(progress, Progress::InProgress);
            wait_until_writable(&socket);
            let error = sockopt::socket_error(&socket).expect("an option");
            assert_eq!(error, Err(Errno::CONNREFUSED));
        }
    }
}

fn wait_until_writable(socket: &OwnedFd) {
    let mut wanted = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::OUT)];
    let limit = Timespec {
        tv_sec: 5,
        tv_nsec: 0,
    };
    assert_eq!(poll(&mut wanted, Some(&limit)).expect("a poll"), 1);
}
