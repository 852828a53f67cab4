//! Tells of every TCP socket of the name space that is gone, with what went through it. While somebody listens the
//! kernel makes a message of each, so nobody should listen for nothing.

use std::collections::VecDeque;
use std::io;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::tcp_info::{Transferred, parse};
use crate::linux::netlink::{ANSWER_BYTES_MAX, Messages, Netlink};

/// `SKNLGRP_INET_TCP_DESTROY`, `SKNLGRP_INET6_TCP_DESTROY`.
const GROUPS: u32 = 1 << 0 | 1 << 2;

/// A socket that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// That of its [`Flow`](super::Flow).
    pub cookie: u64,
    /// All that ever went through it.
    pub transferred: Transferred,
}

/// Hears of the ends of sockets from its opening on.
#[derive(Debug)]
pub struct Closings {
    netlink: AsyncFd<Netlink>,
    unread: VecDeque<Closed>,
}

impl Closings {
    /// Listens from now on. Needs no privilege.
    ///
    /// # Errors
    /// Fails without descriptors or memory, or where the kernel does not tell.
    pub fn open() -> io::Result<Self> {
        let netlink = Netlink::sockets()?;
        netlink.join(GROUPS)?;
        // SAFETY: it holds an `OwnedFd`, which is one open descriptor for as long as it lives.
        let netlink = unsafe { AsyncFd::register_with_interest(netlink, Interest::READABLE) };
        Ok(Self {
            netlink: netlink.map_err(io::Error::from)?,
            unread: VecDeque::new(),
        })
    }

    /// The next one. Cancel safe.
    ///
    /// # Errors
    /// ENOBUFS: some were not told, as more came than were heard; it goes on.
    pub async fn next(&mut self) -> io::Result<Closed> {
        loop {
            if let Some(closed) = self.unread.pop_front() {
                return Ok(closed);
            }
            let mut buffer = [0; ANSWER_BYTES_MAX];
            let read = |netlink: &Netlink| netlink.receive(&mut buffer).map(collect);
            self.unread = self.netlink.async_io(Interest::READABLE, read).await?;
        }
    }
}

fn collect(messages: Messages<'_>) -> VecDeque<Closed> {
    let told = messages.filter_map(|message| {
        let (cookie, transferred) = parse(message.body.ok()?)?;
        let transferred = transferred?;
        Some(Closed {
            cookie,
            transferred,
        })
    });
    told.collect()
}
