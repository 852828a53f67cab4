//! Questions about interfaces, which the kernel answers for the network of the socket that is asked: for one of the
//! machine's they would tell of the machine. Answered from the sandbox's own network, whatever the socket.

use super::caller::Caller;
use super::{Network, Verdict};
use crate::kernel::filter::Call;
use crate::kernel::interfaces::{self, Entry};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::os::fd::{AsFd, OwnedFd};

/// `SIOCGIFCONF`, which asks for all of them. Every other question is about one.
const ALL: u32 = libc::SIOCGIFCONF as u32;
/// `struct ifconf`: length, four bytes of nothing, address.
const LIST_BYTES: usize = 16;

impl Network {
    pub(super) fn tell_interfaces(
        &self,
        call: &Call,
        caller: &Caller,
        socket: &OwnedFd,
    ) -> Result<Verdict, Errno> {
        sockopt::socket_domain(socket).map_err(|_| Errno::NOTTY)?;
        let [_, question, at, ..] = call.arguments;
        match question as u32 {
            ALL => self.tell_all(call, caller, at),
            question => self.tell_one(call, caller, question, at),
        }
    }

    fn tell_one(
        &self,
        call: &Call,
        caller: &Caller,
        question: u32,
        at: u64,
    ) -> Result<Verdict, Errno> {
        let mut entry: Entry = [0; _];
        caller.read(at, &mut entry)?;
        if !self.is_waiting(call.id) {
            return Ok(Verdict::Later);
        }
        interfaces::ask(self.own_socket.as_fd(), question, &mut entry)?;
        caller.write(at, &entry)?;
        Ok(Verdict::Done)
    }

    fn tell_all(&self, call: &Call, caller: &Caller, at: u64) -> Result<Verdict, Errno> {
        let mut list = [0; LIST_BYTES];
        caller.read(at, &mut list)?;
        if !self.is_waiting(call.id) {
            return Ok(Verdict::Later);
        }
        let [a, b, c, d, _, _, _, _, place @ ..] = list;
        let room = usize::try_from(i32::from_ne_bytes([a, b, c, d])).map_err(|_| Errno::INVAL)?;
        let place = u64::from_ne_bytes(place);
        let mut all = interfaces::all(self.own_socket.as_fd())?;
        // Without a place it asks how much there would be.
        if place != 0 {
            all.truncate(room / size_of::<Entry>());
            caller.write(place, all.as_flattened())?;
        }
        let length = (all.len() * size_of::<Entry>()) as i32;
        caller.write(at, &length.to_ne_bytes())?;
        Ok(Verdict::Done)
    }
}
