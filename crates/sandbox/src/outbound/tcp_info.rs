//! What the kernel tells of a TCP socket: `struct inet_diag_msg`, and in its attributes `struct tcp_info`.

use crate::linux::netlink::{attribute, u32_at, u64_at};

/// `SOCK_DIAG_BY_FAMILY`.
pub(super) const BY_FAMILY: u16 = 20;
/// `INET_DIAG_INFO`: the attribute that holds a `struct tcp_info`.
const INFO: u16 = 2;
/// Length of `struct inet_diag_msg`, behind which attributes follow.
const MESSAGE_BYTES: usize = 72;
/// Where it has the cookie, in two words.
const COOKIE_AT: usize = 44;
/// Where `struct tcp_info` has its counters (since Linux 4.19).
const RECEIVED_AT: usize = 128;
const SENT_AT: usize = 200;
const SENT_AGAIN_AT: usize = 208;

/// Bytes that went through a connection, without what TCP adds or sends twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Bytes sent so far.
    pub sent: u64,
    /// Bytes that came. The other side's end may count as one.
    pub received: u64,
}

/// Cookie and counters of the socket that a message tells of; no counters of one that only waits for its end.
pub(super) fn parse(message: &[u8]) -> Option<(u64, Option<Transferred>)> {
    let low = u32_at(message, COOKIE_AT)?;
    let high = u32_at(message, COOKIE_AT + 4)?;
    let cookie = u64::from(high) << 32 | u64::from(low);
    Some((cookie, transferred(message.get(MESSAGE_BYTES..)?)))
}

fn transferred(attributes: &[u8]) -> Option<Transferred> {
    let info = attribute(attributes, INFO)?;
    Some(Transferred {
        sent: u64_at(info, SENT_AT)?.saturating_sub(u64_at(info, SENT_AGAIN_AT)?),
        received: u64_at(info, RECEIVED_AT)?,
    })
}
