//! Messages to the kernel and from it over netlink sockets: written and read byte by byte.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, netlink, recv,
    send, socket_with,
};

/// Longer than any answer to what is asked here: a message of one route or one socket.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 << 10;
/// `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// `struct nlattr`.
const ATTRIBUTE_BYTES: usize = 4;
/// Of `nla_type`: without the flags above.
const ATTRIBUTE_KINDS: u16 = 0x3fff;
/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NLM_F_ACK`, `NLM_F_CREATE`.
const ANSWER: u16 = 4;
const CREATE: u16 = 0x400;
/// A socket that talks with one part of the kernel, and does not block.
#[derive(Debug)]
pub(crate) struct Netlink(OwnedFd);

impl Netlink {
    pub(crate) fn routes() -> io::Result<Self> {
        // NETLINK_ROUTE is number 0.
        Self::open(None)
    }

    pub(crate) fn sockets() -> io::Result<Self> {
        Self::open(Some(netlink::SOCK_DIAG))
    }

    fn open(part: Option<Protocol>) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = AddressFamily::NETLINK;
        Ok(Self(socket_with(family, SocketType::RAW, flags, part)?))
    }

    /// Hears what the kernel tells some groups: bit 0 is the first one.
    pub(crate) fn join(&self, groups: u32) -> io::Result<()> {
        // By an address, as one that has none hears nothing.
        bind(&self.0, &netlink::SocketAddrNetlink::new(0, groups))?;
        Ok(())
    }

    /// The kernel has answered when this returns.
    pub(crate) fn send(&self, messages: &[u8]) -> io::Result<()> {
        send(&self.0, messages, SendFlags::empty())?;
        Ok(())
    }

    /// Messages that have come; `WouldBlock` when there are none.
    pub(crate) fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Messages<'b>> {
        let (length, _) = recv(&self.0, &mut *buffer, RecvFlags::empty())?;
        Ok(Messages(&buffer[..length]))
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Netlink {
    fn as_raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

/// Appends a request: header, body, and attributes already encoded.
pub(crate) fn push_request(to: &mut Vec<u8>, kind: u16, number: u32, body: &[u8]) {
    push(to, kind, REQUEST, number, body);
}

/// Appends a request to make or set something, which is answered with an error, of number 0 where it is done.
pub(super) fn push_change(to: &mut Vec<u8>, kind: u16, number: u32, body: &[u8]) {
    push(to, kind, REQUEST | ANSWER | CREATE, number, body);
}

fn push(to: &mut Vec<u8>, kind: u16, flags: u16, number: u32, body: &[u8]) {
    let start = to.len();
    let length = HEADER_BYTES + body.len();
    to.extend((length as u32).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(flags.to_ne_bytes());
    to.extend(number.to_ne_bytes());
    // The kernel's own number is 0, and it fills in ours.
    to.extend(0_u32.to_ne_bytes());
    to.extend(body);
    to.resize(start + aligned(length), 0);
}

/// Appends an attribute to a body.
pub(crate) fn push_attribute(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let start = to.len();
    let length = ATTRIBUTE_BYTES + value.len();
    to.extend((length as u16).to_ne_bytes());
    to.extend(kind.to_ne_bytes());
    to.extend(value);
    to.resize(start + aligned(length), 0);
}

/// One message of the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'b> {
    /// That of the request that it answers.
    pub(crate) number: u32,
    /// What it says, or the error that the request met.
    pub(crate) body: Result<&'b [u8], i32>,
}

/// Messages one after the other; ends at what is none.
#[derive(Debug)]
pub(crate) struct Messages<'b>(&'b [u8]);

impl<'b> Iterator for Messages<'b> {
    type Item = Message<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = u32_at(self.0, 0)? as usize;
        let (kind, number) = (u16_at(self.0, 4)?, u32_at(self.0, 8)?);
        let body = self.0.get(HEADER_BYTES..length)?;
        self.0 = self.0.get(aligned(length)..).unwrap_or_default();
        let body = match kind {
            ERROR => Err(u32_at(body, 0)?.cast_signed().saturating_neg()),
            _ => Ok(body),
        };
        Some(Message { number, body })
    }
}

/// The value of the first attribute of a kind.
pub(crate) fn attribute(mut attributes: &[u8], kind: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16_at(attributes, 0)?);
        let value = attributes.get(ATTRIBUTE_BYTES..length)?;
        if u16_at(attributes, 2)? & ATTRIBUTE_KINDS == kind {
            return Some(value);
        }
        attributes = attributes.get(aligned(length)..)?;
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_ne_bytes(bytes))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_ne_bytes(bytes))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_ne_bytes(bytes))
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut body = vec![7; 12];
        push_attribute(&mut body, 1, &[1, 2, 3]);
        push_attribute(&mut body, 2, &[9]);
        let mut bytes = Vec::new();
        push_request(&mut bytes, 26, 5, &body);
        push_request(&mut bytes, 26, 6, &[]);
        let read: Vec<Message<'_>> = Messages(&bytes).collect();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].number, read[1].number), (5, 6));
        let attributes = &read[0].body.unwrap()[12..];
        assert_eq!(attribute(attributes, 1), Some(&[1, 2, 3][..]));
        assert_eq!(attribute(attributes, 2), Some(&[9][..]));
        assert_eq!(attribute(attributes, 3), None);
        assert_eq!(read[1].body, Ok(&[][..]));
    }

    #[test]
    fn what_is_cut_anywhere_ends_the_reading() {
        let mut body = Vec::new();
        push_attribute(&mut body, 1, &[1, 2, 3, 4]);
        let mut bytes = Vec::new();
        push_request(&mut bytes, 26, 5, &body);
        for end in 0..bytes.len() {
            assert!(Messages(&bytes[..end]).next().is_none(), "{end}");
        }
        for end in 0..body.len() {
            assert_eq!(attribute(&body[..end], 1), None, "{end}");
        }
        // A length that leads nowhere.
        assert!(attribute(&[0, 0, 1, 0], 2).is_none());
        assert!(Messages(&[0; 64]).next().is_none());
    }

    #[test]
    fn an_error_is_a_positive_number() {
        let mut bytes = Vec::new();
        push_request(&mut bytes, ERROR, 9, &(-101_i32).to_ne_bytes());
        let message = Messages(&bytes).next().unwrap();
        assert_eq!((message.number, message.body), (9, Err(101)));
    }
}
