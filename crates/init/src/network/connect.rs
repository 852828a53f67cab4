//! `connect`, `bind` and `listen`, made on a copy of the caller's socket.

use super::caller::Caller;
use super::destination::Destination;
use super::waiting::{Request, Stage};
use super::{Network, Verdict, local};
use crate::kernel::filter::Call;
use crate::kernel::sockets::{self, RawAddress};
use crate::kernel::watchdog;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// States of TCP, by the kernel's numbers.
const SYN_SENT: u8 = 2;
const SYN_RECEIVED: u8 = 3;
const CLOSED: u8 = 7;

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
        };
        let internet = family == AddressFamily::INET || family == AddressFamily::INET6;
        match (internet, kind) {
            (true, SocketType::STREAM) => {
                let destination = Destination::of(family, &address);
                self.connect_tcp(request, &address, destination, is_foreign)
            }
            _ if is_foreign => Err(Errno::PERM),
            (false, _) if family == AddressFamily::UNIX => {
                local::at_the_caller_s(&request.caller, &address, |address| {
                    attempt(&request, address)
                })
                .map(|()| Verdict::Done)
            }
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
            // There is no way back for a socket of the machine's network.
            (Destination::Inside | Destination::Nobody, true) => Err(Errno::ISCONN),
            (Destination::Outside(to), _) => {
                let state = sockets::tcp_state(request.socket.as_fd())?;
                match told_of_earlier(&request.socket, state) {
                    Err(Errno::ALREADY) if request.blocks => self.wait(request, Stage::Connecting),
                    Err(Errno::AFNOSUPPORT) => self.ask(request, to),
                    told => told.map(|()| Verdict::Done),
                }
            }
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
        if self.is_foreign(socket)? {
            return Err(Errno::INVAL);
        }
        let bound = match sockopt::socket_domain(socket)? {
            AddressFamily::UNIX => local::at_the_caller_s(caller, &address, |address| {
                sockets::bind(socket.as_fd(), address)
            }),
            _ => sockets::bind(socket.as_fd(), &address),
        };
        bound.map(|()| Verdict::Done)
    }

    pub(super) fn listen(&self, call: &Call, socket: &OwnedFd) -> Result<Verdict, Errno> {
        if !self.is_waiting(call.id) {
            return Ok(Verdict::Later);
        }
        if self.is_foreign(socket)? {
            return Err(Errno::INVAL);
        }
        rustix::net::listen(socket, call.arguments[1] as i32).map(|()| Verdict::Done)
    }

    /// Whether a socket is of the machine's network. What is no socket fails with ENOTSOCK.
    pub(super) fn is_foreign(&self, socket: &OwnedFd) -> Result<bool, Errno> {
        Ok(sockets::network_of(socket.as_fd())? != self.own)
    }
}

/// Connects without waiting.
fn attempt(request: &Request, address: &RawAddress) -> Result<(), Errno> {
    let socket = request.socket.as_fd();
    let connect = || watchdog::guard(|| sockets::connect(socket, address));
    let result = match request.blocks {
        true => without_waiting(socket, connect)?,
        false => connect(),
    };
    match result {
        // Somebody took the flag away, and the connection is on its way all the same.
        Err(Errno::INTR) => Err(Errno::INPROGRESS),
        other => other,
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

/// How an earlier connect of a TCP socket is or ended, as another one would be told; EAFNOSUPPORT if there was none or
/// its failure has been told.
fn told_of_earlier(socket: &OwnedFd, state: u8) -> Result<(), Errno> {
    match state {
        SYN_SENT | SYN_RECEIVED => Err(Errno::ALREADY),
        _ => match end_of(socket.as_fd()) {
            // So says a module for security in any state.
            Err(Errno::AFNOSUPPORT) if state != CLOSED => Err(Errno::ISCONN),
            told => told,
        },
    }
}

/// How a connect ended that is not on its way any more; the kernel takes it as told.
pub(super) fn end_of(socket: BorrowedFd<'_>) -> Result<(), Errno> {
    watchdog::guard(|| sockets::connect(socket, &RawAddress::NONE))
}
