//! Options that a program set on its socket before it connected, and that the socket which takes its place gets.
//!
//! One table. Not in it: what changes where packets go or from whom they seem to come, which programs may not set
//! either; what has a meaning for listeners alone; and SO_LINGER, as the server closes sockets and must not wait.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

use libc::{IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET, c_int, socklen_t};
use rustix::net::sockopt::{self, Timeout};

/// A number that an option holds.
struct Number {
    level: c_int,
    name: c_int,
    /// Of a new socket in a new network name space: nobody has set it.
    default: c_int,
}

const fn number(level: c_int, name: c_int, default: c_int) -> Number {
    Number {
        level,
        name,
        default,
    }
}

const NUMBERS: &[Number] = &[
    number(SOL_SOCKET, libc::SO_KEEPALIVE, 0),
    number(SOL_SOCKET, libc::SO_OOBINLINE, 0),
    number(SOL_SOCKET, libc::SO_PRIORITY, 0),
    number(SOL_SOCKET, libc::SO_RCVLOWAT, 1),
    number(SOL_SOCKET, libc::SO_MAX_PACING_RATE, -1),
    number(SOL_SOCKET, libc::SO_ZEROCOPY, 0),
    number(IPPROTO_IP, libc::IP_TOS, 0),
    number(IPPROTO_IP, libc::IP_RECVERR, 0),
    number(IPPROTO_TCP, libc::TCP_NODELAY, 0),
    number(IPPROTO_TCP, libc::TCP_CORK, 0),
    number(IPPROTO_TCP, libc::TCP_KEEPIDLE, 7_200),
    number(IPPROTO_TCP, libc::TCP_KEEPINTVL, 75),
    number(IPPROTO_TCP, libc::TCP_KEEPCNT, 9),
    number(IPPROTO_TCP, libc::TCP_SYNCNT, 6),
    number(IPPROTO_TCP, libc::TCP_LINGER2, 60),
    number(IPPROTO_TCP, libc::TCP_WINDOW_CLAMP, 0),
    number(IPPROTO_TCP, libc::TCP_QUICKACK, 1),
    number(IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 0),
    number(IPPROTO_TCP, libc::TCP_MAXSEG, 536),
    number(IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, 0),
    number(IPPROTO_TCP, libc::TCP_THIN_LINEAR_TIMEOUTS, 0),
];

/// Of IPv6 sockets, besides.
const NUMBERS_OF_IPV6: &[Number] = &[
    number(IPPROTO_IPV6, libc::IPV6_V6ONLY, 0),
    number(IPPROTO_IPV6, libc::IPV6_TCLASS, 0),
    number(IPPROTO_IPV6, libc::IPV6_RECVERR, 0),
];

/// `SO_BUF_LOCK`: which buffers have a size that was set.
const BUFFERS_SET: c_int = 72;
/// Names, and the bits of `SO_BUF_LOCK` that stand for them.
const BUFFERS: [(c_int, c_int); 2] = [(libc::SO_SNDBUF, 1), (libc::SO_RCVBUF, 2)];
/// Times that reads and writes wait.
const TIMEOUTS: [Timeout; 2] = [Timeout::Recv, Timeout::Send];

/// Sets on one socket what was set on the other. What the new one does not take it goes without, as a program would
/// whose system is older.
pub(super) fn copy(from: impl AsFd, to: impl AsFd, is_ipv6: bool) {
    let more = if is_ipv6 { NUMBERS_OF_IPV6 } else { &[] };
    for number in NUMBERS.iter().chain(more) {
        let value = get(&from, number.level, number.name);
        if let Some(value) = value.filter(|value| *value != number.default) {
            set(&to, number.level, number.name, value);
        }
    }
    copy_buffers(&from, &to);
    copy_congestion(&from, &to);
    for timeout in TIMEOUTS {
        if let Ok(time @ Some(_)) = sockopt::socket_timeout(&from, timeout) {
            let _ = sockopt::set_socket_timeout(&to, timeout, time);
        }
    }
}

/// A size that was set reads as twice the number.
fn copy_buffers(from: impl AsFd, to: impl AsFd) {
    let set_ones = get(&from, SOL_SOCKET, BUFFERS_SET).unwrap_or(0);
    for (name, _) in BUFFERS.iter().filter(|(_, bit)| set_ones & bit != 0) {
        if let Some(bytes) = get(&from, SOL_SOCKET, *name) {
            set(&to, SOL_SOCKET, *name, bytes / 2);
        }
    }
}

fn copy_congestion(from: impl AsFd, to: impl AsFd) {
    let names = (sockopt::tcp_congestion(&from), sockopt::tcp_congestion(&to));
    if let (Ok(wanted), Ok(given)) = names
        && wanted != given
    {
        let _ = sockopt::set_tcp_congestion(&to, &wanted);
    }
}

fn get(socket: impl AsFd, level: c_int, name: c_int) -> Option<c_int> {
    let mut value = MaybeUninit::<c_int>::zeroed();
    let mut length = size_of::<c_int>() as socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which are those of `value`; any bytes are an integer.
    let (result, value) = unsafe {
        let result = libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut length,
        );
        (result, value.assume_init())
    };
    (result == 0 && length as usize == size_of::<c_int>()).then_some(value)
}

fn set(socket: impl AsFd, level: c_int, name: c_int, value: c_int) {
    // SAFETY: the kernel reads the bytes of `value`, which lives until the call returns.
    unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            size_of::<c_int>() as socklen_t,
        );
    }
}
