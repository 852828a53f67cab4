//! Sockets by the kernel's own words: whose network they are of, in which state, and calls with addresses as a program
//! wrote them.

use super::{check, finish};
use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Level and name of an option.
pub(crate) type Setting = (i32, i32);

/// An address as it lies in a program's memory: of any family, well-formed or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawAddress {
    bytes: [u8; RawAddress::BYTES_MAX],
    length: usize,
}

impl RawAddress {
    /// Longest that the kernel takes.
    pub(crate) const BYTES_MAX: usize = size_of::<libc::sockaddr_storage>();

    /// Of no family: the kernel tells of a socket's connection, and never begins one.
    pub(crate) const NONE: Self = {
        let mut bytes = [0; Self::BYTES_MAX];
        (bytes[0], bytes[1]) = (0xff, 0xff);
        Self {
            bytes,
            length: size_of::<libc::sockaddr_in6>(),
        }
    };

    /// `None` if it is longer than any.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let mut whole = [0; Self::BYTES_MAX];
        whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self {
            bytes: whole,
            length: bytes.len(),
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Of a local socket: what is behind the family, up to where a path ends.
    pub(crate) fn path(&self) -> &[u8] {
        let path = self.bytes().get(2..).unwrap_or_default();
        match path.iter().position(|byte| *byte == 0) {
            // An abstract name, which may hold zeros.
            Some(0) | None => path,
            Some(end) => &path[..end],
        }
    }

    /// Of a local socket: the same without the beginning of its path.
    pub(crate) fn without(&self, beginning: usize) -> Self {
        let mut shorter = Self {
            bytes: [0; Self::BYTES_MAX],
            length: self.length.saturating_sub(beginning),
        };
        shorter.bytes[..2].copy_from_slice(&self.bytes[..2]);
        let rest = self.bytes().get(2 + beginning..).unwrap_or_default();
        shorter.bytes[2..2 + rest.len()].copy_from_slice(rest);
        shorter
    }

    /// `None` where there is not even a family.
    pub(crate) fn family(&self) -> Option<i32> {
        let family = self.bytes().first_chunk::<2>()?;
        Some(i32::from(u16::from_ne_bytes(*family)))
    }
}

/// Connects; it waits if the socket does so.
pub(crate) fn connect(socket: BorrowedFd<'_>, address: &RawAddress) -> Result<(), Errno> {
    let bytes = address.bytes();
    // SAFETY: the kernel reads `len` bytes from a slice of that length.
    check(unsafe {
        libc::connect(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Binds.
pub(crate) fn bind(socket: BorrowedFd<'_>, address: &RawAddress) -> Result<(), Errno> {
    let bytes = address.bytes();
    // SAFETY: the kernel reads `len` bytes from a slice of that length.
    finish(|| unsafe {
        check(libc::bind(
            socket.as_raw_fd(),
            bytes.as_ptr().cast(),
            bytes.len() as libc::socklen_t,
        ))
    })
    .map(drop)
}

/// Of asm-generic/socket.h; libc does not have it.
const SO_NETNS_COOKIE: i32 = 71;

/// The number of the network name space that a socket is of; never used again as long as the machine is up.
pub(crate) fn network_of(socket: BorrowedFd<'_>) -> Result<u64, Errno> {
    get(socket, libc::SOL_SOCKET, SO_NETNS_COOKIE)
}

/// The state of a TCP connection, by the kernel's numbers.
pub(crate) fn tcp_state(socket: BorrowedFd<'_>) -> Result<u8, Errno> {
    // First byte of `tcp_info`.
    get(socket, libc::IPPROTO_TCP, libc::TCP_INFO)
}

/// How long a program wants to wait for a connection, in microseconds; 0 is forever.
pub(crate) fn send_timeout_us(socket: BorrowedFd<'_>) -> u64 {
    let [seconds, microseconds]: [i64; 2] =
        get(socket, libc::SOL_SOCKET, libc::SO_SNDTIMEO).unwrap_or_default();
    let whole = u64::try_from(seconds).unwrap_or(0);
    whole.saturating_mul(1_000_000) + u64::try_from(microseconds).unwrap_or(0)
}

/// Integers and arrays of them: every value of their bytes is one of theirs.
trait Integers: Copy + Default {}
impl Integers for u8 {}
impl Integers for u64 {}
impl Integers for [i64; 2] {}

/// The beginning of an option's value.
fn get<T: Integers>(socket: BorrowedFd<'_>, level: i32, name: i32) -> Result<T, Errno> {
    let mut value = T::default();
    let mut length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to a value of that size, whose bytes may be any.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    })?;
    Ok(value)
}

/// Sets on one socket what is set on another, if that is not zero. What a socket has not, the other goes without.
pub(crate) fn copy((level, name): Setting, from: BorrowedFd<'_>, to: BorrowedFd<'_>) {
    // Room for the longest: two numbers of 64 bits.
    let mut value = [0_u8; 16];
    let mut length = value.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to an array of that length.
    let got = unsafe {
        libc::getsockopt(
            from.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if got == 0 && value.iter().any(|byte| *byte != 0) {
        // SAFETY: the kernel reads as many bytes as it has written, from the same array.
        unsafe { libc::setsockopt(to.as_raw_fd(), level, name, value.as_ptr().cast(), length) };
    }
}
