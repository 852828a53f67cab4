//! `bind` and `listen`, made on a copy of the caller's socket. On one of the machine's network, never.

use super::caller::Caller;
use super::local::{self, Place};
use super::{Network, Verdict};
use crate::kernel::filter::Call;
use crate::kernel::sockets;
use rustix::io::Errno;
use rustix::net::{AddressFamily, listen, sockopt};
use std::os::fd::{AsFd, OwnedFd};

impl Network {
    pub(super) fn bind(
        &self,
        call: &Call,
        caller: &Caller,
        socket: &OwnedFd,
    ) -> Result<Verdict, Errno> {
        let [_, at, length, ..] = call.arguments;
        let address = caller.address(at, length)?;
        if !self.is_waiting(call.id) {
            return Ok(Verdict::Later);
        }
        self.must_be_own(socket)?;
        let socket_fd = socket.as_fd();
        match sockopt::socket_domain(socket)? {
            AddressFamily::UNIX => {
                let place = Place::of(caller, address)?;
                local::with_mask_of(caller, || {
                    place.act(|address| sockets::bind(socket_fd, address))
                })?;
            }
            _ => sockets::bind(socket_fd, &address)?,
        }
        Ok(Verdict::Done)
    }

    pub(super) fn listen(&self, call: &Call, socket: &OwnedFd) -> Result<Verdict, Errno> {
        if !self.is_waiting(call.id) {
            return Ok(Verdict::Later);
        }
        self.must_be_own(socket)?;
        listen(socket, call.arguments[1] as i32)?;
        Ok(Verdict::Done)
    }

    /// As the kernel answers it for a socket that is connected, as those of the machine's network are, or were.
    fn must_be_own(&self, socket: &OwnedFd) -> Result<(), Errno> {
        match self.is_foreign(socket)? {
            true => Err(Errno::INVAL),
            false => Ok(()),
        }
    }
}
