//! `connect`, made on a copy of the caller's socket, or asked of the server.
//!
//! ```text
//!                       the sandbox's own address       any other                       of no family (the end of one)
//! own socket            made on the copy                asked, if it is not connected   made on the copy
//! machine's socket      a fresh own one in its place,   asked, if it is not connected   a fresh own one in its place
//!                       if it is not connected
//! ```

use super::caller::Caller;
use super::destination::Destination;
use super::local::Place;
use super::places::Places;
use super::waiting::{Request, Stage};
use super::{Network, Verdict, fresh};
use crate::kernel::filter::Call;
use crate::kernel::sockets::{self, RawAddress};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// States of TCP, by the kernel's numbers.
const SYN_SENT: u8 = 2;
const SYN_RECEIVED: u8 = 3;
const CLOSED: u8 = 7;

/// Interruptions by the watchdog: one may come to a call that does not wait, where the machine is busy.
const TRIES_MAX: u32 = 2;

impl Network {
    pub(super) fn connect(
        &mut self,
        call: &Call,
        caller: Caller,
        socket: OwnedFd,
    ) -> Result<Verdict, Errno> {
        let [number, at, length, ..] = call.arguments;
        let address = caller.address(at, length)?;
        if !self.is_waiting(call.id) {
            return Ok(Verdict::Later);
        }
        let family = sockopt::socket_domain(&socket)?;
        let kind = sockopt::socket_type(&socket)?;
        let is_foreign = self.is_foreign(&socket)?;
        let request = Request {
            call: call.id,
            number: number as i32,
            blocks: !fcntl_getfl(&socket)?.contains(OFlags::NONBLOCK),
            caller,
            socket,
            places: Places::default(),
        };
        match (family, kind) {
            (AddressFamily::INET | AddressFamily::INET6, SocketType::STREAM) => {
                let destination = Destination::of(family, &address);
                self.connect_tcp(request, &address, destination, is_foreign)
            }
            _ if is_foreign => Err(Errno::PERM),
            (AddressFamily::UNIX, _) => {
                let place = Place::of(&request.caller, address)?;
                self.connect_local(request, place)
            }
            // Datagrams and the routing tables: nothing that waits.
            _ => sockets::connect(request.socket.as_fd(), &address).map(|()| Verdict::Done),
        }
    }

    fn connect_tcp(
        &mut self,
        request: Request,
        address: &RawAddress,
        destination: Destination,
        is_foreign: bool,
    ) -> Result<Verdict, Errno> {
        match (destination, is_foreign) {
            (Destination::Inside | Destination::Nobody, false) => {
                self.connect_inside(request, address)
            }
            (Destination::Nobody, true) => self.put_own(request).map(|_| Verdict::Done),
            (Destination::Inside, true) => self.unless_connected(request, |network, request| {
                let request = network.put_own(request)?;
                network.connect_inside(request, address)
            }),
            (Destination::Outside(to), _) => {
                self.unless_connected(request, |network, request| network.ask(request, to))
            }
        }
    }

    /// Puts one of the sandbox's own network in the place of one of the machine's.
    fn put_own(&self, mut request: Request) -> Result<Request, Errno> {
        request.look_for_places();
        let socket = fresh::like(&request.socket)?;
        self.put(&request, &socket)?;
        Ok(Request { socket, ..request })
    }

    /// Goes on with a socket that is not connected; for any other the answer is the kernel's.
    fn unless_connected(
        &mut self,
        request: Request,
        go_on: impl FnOnce(&mut Self, Request) -> Result<Verdict, Errno>,
    ) -> Result<Verdict, Errno> {
        match told_of_earlier(&request.socket)? {
            Some(Err(Errno::ALREADY)) if request.blocks => self.wait(request, Stage::Connecting),
            Some(told) => told.map(|()| Verdict::Done),
            None => go_on(self, request),
        }
    }

    fn connect_inside(&mut self, request: Request, address: &RawAddress) -> Result<Verdict, Errno> {
        match attempt(&request, address) {
            Err(Errno::INPROGRESS | Errno::ALREADY) if request.blocks => {
                self.wait(request, Stage::Connecting)
            }
            result => result.map(|()| Verdict::Done),
        }
    }

    /// One that blocks waits as long as the queue of who listens there is full.
    fn connect_local(&mut self, request: Request, place: Place) -> Result<Verdict, Errno> {
        match place.act(|address| attempt(&request, address)) {
            Err(Errno::AGAIN | Errno::INPROGRESS) if request.blocks => {
                self.wait(request, Stage::Trying(place))
            }
            result => result.map(|()| Verdict::Done),
        }
    }

    /// Whether a socket is of the machine's network. What is no socket fails with ENOTSOCK.
    pub(super) fn is_foreign(&self, socket: &OwnedFd) -> Result<bool, Errno> {
        Ok(sockets::network_of(socket.as_fd())? != self.own_network)
    }
}

/// Connects without waiting.
pub(super) fn attempt(request: &Request, address: &RawAddress) -> Result<(), Errno> {
    let socket = request.socket.as_fd();
    let connect = || sockets::connect(socket, address);
    let mut tries = 0..TRIES_MAX;
    loop {
        let result = match request.blocks {
            true => without_waiting(socket, connect)?,
            false => connect(),
        };
        match result {
            Err(Errno::INTR) if tries.next().is_some() => {}
            // Somebody took the flag away, again and again, and it is on its way all the same.
            Err(Errno::INTR | Errno::ALREADY) if tries.start > 0 => return Err(Errno::INPROGRESS),
            other => return other,
        }
    }
}

/// The flag is the file's and so the program's too, who is in this very call with it.
fn without_waiting<T>(socket: BorrowedFd<'_>, act: impl FnOnce() -> T) -> Result<T, Errno> {
    let flags = fcntl_getfl(socket)?;
    fcntl_setfl(socket, flags | OFlags::NONBLOCK)?;
    let result = act();
    fcntl_setfl(socket, flags)?;
    Ok(result)
}

/// How an earlier connect of a TCP socket is or ended, as another one would be told; `None` if there was none, or its
/// failure has been told.
fn told_of_earlier(socket: &OwnedFd) -> Result<Option<Result<(), Errno>>, Errno> {
    Ok(match sockets::tcp_state(socket.as_fd())? {
        SYN_SENT | SYN_RECEIVED => Some(Err(Errno::ALREADY)),
        state => match end_of(socket.as_fd()) {
            Err(Errno::AFNOSUPPORT) if state == CLOSED => None,
            // So says a module for security in any state.
            Err(Errno::AFNOSUPPORT) => Some(Err(Errno::ISCONN)),
            told => Some(told),
        },
    })
}

/// How a connect ended that is not on its way any more; the kernel takes it as told. It begins none: the address is of
/// no family.
pub(super) fn end_of(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    sockets::connect(socket, &RawAddress::NONE)
}
