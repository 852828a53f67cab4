//! Bytes of connections whose sockets are open, whoever holds them.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::flow::Flow;
use super::tcp_info::{BY_FAMILY, Transferred, parse};
use crate::linux::netlink::{ANSWER_BYTES_MAX, Netlink, push_request};

/// Flows of one question: their answers fit well into the buffer of a netlink socket.
const FLOWS_MAX: usize = 64;
/// `1 << (INET_DIAG_INFO - 1)`: the counters are wanted.
const WANTED: u8 = 2;
/// Any state.
const STATES: u32 = u32::MAX;

/// Asks the kernel for the sockets of the process's network name space.
#[derive(Debug)]
pub struct OpenSockets {
    talk: Mutex<Talk>,
}

#[derive(Debug)]
struct Talk {
    netlink: Netlink,
    last_number: u32,
}

impl OpenSockets {
    /// Opens the way to ask.
    ///
    /// # Errors
    /// Fails without descriptors or memory, or where the kernel has no such way.
    pub fn open() -> io::Result<Self> {
        let netlink = Netlink::sockets()?;
        let last_number = 0;
        Ok(Self {
            talk: Mutex::new(Talk {
                netlink,
                last_number,
            }),
        })
    }

    /// What went through each of these so far; `None` for one whose socket is gone: [`Closings`](super::Closings)
    /// tell of it. Takes some microseconds for each and waits for nothing.
    ///
    /// # Errors
    /// Fails without memory.
    pub fn transferred(&self, flows: &[Flow]) -> io::Result<Vec<Option<Transferred>>> {
        // What a panic left unread has another number.
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::with_capacity(flows.len());
        for some in flows.chunks(FLOWS_MAX) {
            all.extend(talk.ask(some)?);
        }
        Ok(all)
    }
}

impl Talk {
    fn ask(&mut self, flows: &[Flow]) -> io::Result<Vec<Option<Transferred>>> {
        let first = self.last_number.wrapping_add(1);
        let mut request = Vec::new();
        for flow in flows {
            self.last_number = self.last_number.wrapping_add(1);
            push_request(&mut request, BY_FAMILY, self.last_number, &question(flow));
        }
        self.netlink.send(&request)?;
        let mut found = vec![None; flows.len()];
        let (mut buffer, mut left) = ([0; ANSWER_BYTES_MAX], flows.len());
        while left > 0 {
            for message in self.netlink.receive(&mut buffer)? {
                let index = message.number.wrapping_sub(first) as usize;
                let Some((flow, place)) = flows.get(index).zip(found.get_mut(index)) else {
                    continue;
                };
                left -= 1;
                let answer = message.body.ok().and_then(parse);
                *place =
                    answer.and_then(|(cookie, bytes)| bytes.filter(|_| cookie == flow.cookie()));
            }
        }
        Ok(found)
    }
}

/// `struct inet_diag_req_v2`.
fn question(flow: &Flow) -> [u8; 56] {
    let (family, id) = flow.socket_id();
    let mut question = [0; 56];
    question[..3].copy_from_slice(&[family, libc::IPPROTO_TCP as u8, WANTED]);
    question[4..8].copy_from_slice(&STATES.to_ne_bytes());
    question[8..].copy_from_slice(&id);
    question
}
