//! Options that a program set on its socket before it connected, and that the socket which takes its place gets.
//!
//! One table. Not in it: what changes where packets go or from whom they seem to come, which programs may not set
//! either; what has a meaning for listeners alone; and a wait at the end (SO_LINGER), as the server closes sockets and
//! must not wait. An end at once, which is the same option's, is kept.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

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

/// What a program set, read at one moment.
#[derive(Debug)]
pub(super) struct Options {
    numbers: Vec<(c_int, c_int, c_int)>,
    timeouts: [(Timeout, Option<Duration>); 2],
    /// What was not sent is dropped when the socket is closed.
    ends_at_once: bool,
    congestion: Option<String>,
}

impl Options {
    pub(super) fn read(socket: impl AsFd, is_ipv6: bool) -> Self {
        let more = if is_ipv6 { NUMBERS_OF_IPV6 } else { &[] };
        let set_ones = NUMBERS.iter().chain(more).filter_map(|number| {
            let value = get(&socket, number.level, number.name)?;
            (value != number.default).then_some((number.level, number.name, value))
        });
        let timeout = |which| {
            (
                which,
                sockopt::socket_timeout(&socket, which).ok().flatten(),
            )
        };
        Self {
            numbers: set_ones.chain(buffers(&socket)).collect(),
            timeouts: TIMEOUTS.map(timeout),
            ends_at_once: sockopt::socket_linger(&socket) == Ok(Some(Duration::ZERO)),
            congestion: sockopt::tcp_congestion(&socket).ok(),
        }
    }

    /// Sets the same. What the socket does not take it goes without, as a program would whose system is older.
    pub(super) fn set_on(&self, socket: impl AsFd) {
        for (level, name, value) in &self.numbers {
            set(&socket, *level, *name, *value);
        }
        for (which, time) in self.timeouts.iter().filter(|(_, time)| time.is_some()) {
            let _ = sockopt::set_socket_timeout(&socket, *which, *time);
        }
        if self.ends_at_once {
            let _ = sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
        }
        let given = sockopt::tcp_congestion(&socket).ok();
        if let Some(wanted) = self
            .congestion
            .as_ref()
            .filter(|_| self.congestion != given)
        {
            let _ = sockopt::set_tcp_congestion(&socket, wanted);
        }
    }
}

/// A size that was set reads as twice the number.
fn buffers(socket: impl AsFd) -> impl Iterator<Item = (c_int, c_int, c_int)> {
    let set_ones = get(&socket, SOL_SOCKET, BUFFERS_SET).unwrap_or(0);
    let is_set = move |(_, bit): &(c_int, c_int)| set_ones & bit != 0;
    BUFFERS
        .into_iter()
        .filter(is_set)
        .filter_map(move |(name, _)| {
            let bytes = get(&socket, SOL_SOCKET, name)?;
            Some((SOL_SOCKET, name, bytes / 2))
        })
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
