//! What the machine's routing tables say of a destination: whether it is the machine itself.
//!
//! The kernel's own answer for a connection of this process, policy rules included; nothing is cached.

use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use rustix::io::Errno;

use crate::linux::netlink::{ANSWER_BYTES_MAX, Netlink, push_attribute, push_request};

/// `RTM_GETROUTE`.
const GET_ROUTE: u16 = 26;
/// `RTA_DST`.
const DESTINATION: u16 = 1;
/// Where `struct rtmsg` has the route's kind.
const KIND_AT: usize = 7;

/// Where packets to a destination go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To another machine, or to one that pretends to be.
    Away,
    /// To this machine, or to all on a link: its own addresses, broadcast, anycast, multicast.
    Own,
}

/// The routing tables of the process's network name space.
#[derive(Debug)]
pub struct Routes {
    talk: Mutex<Talk>,
}

#[derive(Debug)]
struct Talk {
    netlink: Netlink,
    last_number: u32,
}

impl Routes {
    /// Opens them.
    ///
    /// # Errors
    /// Fails without descriptors or memory.
    pub fn open() -> io::Result<Self> {
        let netlink = Netlink::routes()?;
        let last_number = 0;
        Ok(Self {
            talk: Mutex::new(Talk {
                netlink,
                last_number,
            }),
        })
    }

    /// Where packets to the address would go now. Takes microseconds and waits for nothing.
    ///
    /// # Errors
    /// The error number that `connect` would fail with where nothing leads there; any other means that the tables
    /// could not be asked.
    pub fn look_up(&self, destination: IpAddr) -> io::Result<Route> {
        // What a panic left unread has another number.
        let mut talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        talk.ask(destination)
    }
}

impl Talk {
    fn ask(&mut self, destination: IpAddr) -> io::Result<Route> {
        self.last_number = self.last_number.wrapping_add(1);
        self.netlink.send(&request(destination, self.last_number))?;
        let mut buffer = [0; ANSWER_BYTES_MAX];
        loop {
            let mut messages = self.netlink.receive(&mut buffer)?;
            let answer = messages.find(|message| message.number == self.last_number);
            if let Some(answer) = answer {
                let route = answer.body.map_err(io::Error::from_raw_os_error)?;
                let kind = route.get(KIND_AT).ok_or(io::ErrorKind::InvalidData)?;
                return Ok(of_kind(*kind)?);
            }
        }
    }
}

fn request(destination: IpAddr, number: u32) -> Vec<u8> {
    let (family, octets) = match destination {
        IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec()),
    };
    // struct rtmsg: family, length of the destination's prefix, and what is asked for.
    let mut body = vec![0; 12];
    body[0] = family as u8;
    body[1] = (octets.len() * 8) as u8;
    push_attribute(&mut body, DESTINATION, &octets);
    let mut request = Vec::new();
    push_request(&mut request, GET_ROUTE, number, &body);
    request
}

/// By `RTN_*`, from unicast on; errors are those of the kernel for such routes.
fn of_kind(kind: u8) -> Result<Route, Errno> {
    match kind {
        1 => Ok(Route::Away),
        // Local, broadcast, anycast, multicast.
        2..=5 => Ok(Route::Own),
        // Black hole, unreachable, prohibited.
        6 => Err(Errno::INVAL),
        7 => Err(Errno::HOSTUNREACH),
        8 => Err(Errno::ACCESS),
        _ => Err(Errno::NETUNREACH),
    }
}
