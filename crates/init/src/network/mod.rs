//! The programs' way to the network: pid 1 makes their calls with addresses for them, or has the server make them.
//!
//! ```text
//! connect ─▶ copy of the socket, address read once ─┬─ the sandbox's own address ─▶ made on the copy ─▶ result
//!                                                   └─ other ─▶ Asked ─ server's socket ─▶ put in place ─┬─▶ result
//!                                                                 └─ errno ─▶ result      Connecting ◀───┘
//! bind, listen ─▶ copy of the socket, address read once ─▶ made on the copy, if it is of the sandbox's own network
//! ioctl about interfaces ─▶ asked on a socket of pid 1
//! ```
//! What keeps a program from changing its mind between the look and the deed: nothing is made on a number or an
//! address of the program, only on the copy of a file and the copy of an address; no call is ever let through to the
//! kernel. A socket of the machine's network is told by the kernel's number of its network, and nothing with an
//! address is made on it. Nothing here waits: what takes time is polled for, beside all else that pid 1 does.

mod ask;
mod bind;
mod caller;
mod connect;
mod destination;
mod fresh;
mod interfaces;
mod local;
mod names;
mod places;
mod waiting;

pub use destination::{ADDRESS_V4, ADDRESS_V6, TUNNEL_V4};

use crate::descriptors;
use crate::kernel::filter::{self, Call, Listener, sock_filter};
use crate::kernel::{child, inherited, sockets};
use caller::LastCaller;
use names::Names;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use waiting::Waiting;

/// What becomes of a call that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It returns 0.
    Done,
    /// It is answered when something has happened.
    Later,
}

/// The programs' network.
pub(crate) struct Network {
    filter: Vec<sock_filter>,
    has_landlock: bool,
    /// A socket of the sandbox's own network, and the kernel's number of that.
    own_socket: OwnedFd,
    own_network: u64,
    /// Of the program that runs.
    listener: Option<Listener>,
    waiting: Vec<Waiting>,
    /// Sockets of the server that are not put in place yet, by the requests' numbers.
    given: Vec<(u32, OwnedFd)>,
    names: Names,
    last_request: u32,
    last_caller: LastCaller,
}

/// What of it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A call waits for its answer, or nobody is left who could make one.
    Call,
    /// A connection has ended that somebody waits for.
    Connection,
    /// Somebody asks for a name.
    Names(names::Source),
}

impl Network {
    /// Of what pid 1 finds open.
    pub(crate) fn open(has_landlock: bool) -> io::Result<Self> {
        let filter = filter::read(&inherited::take(descriptors::FILTER)?)?;
        let own_socket = socket_with(
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok(Self {
            filter,
            has_landlock,
            own_network: sockets::network_of(own_socket.as_fd())?,
            own_socket,
            listener: None,
            waiting: Vec::new(),
            given: Vec::new(),
            names: Names::open()?,
            last_request: 0,
            last_caller: LastCaller::default(),
        })
    }

    /// Of the process that becomes the program, by itself. Returns the listener by which its calls are heard.
    pub(crate) fn restrict(&self) -> io::Result<OwnedFd> {
        Ok(child::restrict(&self.filter, self.has_landlock)?)
    }

    /// Of the program that runs.
    pub(crate) fn hear(&mut self, listener: OwnedFd) {
        self.listener = Some(Listener::new(listener));
    }

    /// No program is left.
    pub(crate) fn rest(&mut self) {
        self.listener = None;
        self.last_caller.forget();
        self.forget_calls();
        self.names.forget_streams();
    }

    /// What may become ready, with what is to be looked for.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>, PollFlags)> {
        let calls = self.listener.iter().map(AsFd::as_fd);
        let calls = calls.map(|listener| (Source::Call, listener, PollFlags::IN));
        let connecting = self.connecting();
        let connecting = connecting.map(|socket| (Source::Connection, socket, PollFlags::OUT));
        let names = self.names.sources().map(|(source, socket, writes)| {
            let wish = if writes {
                PollFlags::OUT
            } else {
                PollFlags::empty()
            };
            (Source::Names(source), socket, PollFlags::IN | wish)
        });
        calls.chain(connecting).chain(names)
    }

    /// Does what is to be done.
    pub(crate) fn serve(&mut self, source: Source) {
        match source {
            Source::Call => self.take_call(),
            // Looked at in any case.
            Source::Connection => {}
            Source::Names(source) => self.names.serve(source),
        }
    }

    /// The server's answer to somebody who asked for a name.
    pub(crate) fn answer_query(&mut self, id: u32, message: &[u8]) {
        self.names.answer(id, message);
    }

    fn take_call(&mut self) {
        let received = self.listener.as_ref().map(Listener::receive);
        match received {
            Some(Ok(Some(call))) => match self.decide(&call) {
                Ok(Verdict::Later) => {}
                Ok(Verdict::Done) => self.answer(call.id, Ok(0)),
                Err(error) => self.answer(call.id, Err(error)),
            },
            // Nobody is left who could make one: it would be ready for ever, and pid 1 in the way of who is dying.
            Some(Ok(None)) if self.listener.as_ref().is_some_and(Listener::is_over) => self.rest(),
            Some(Ok(None)) | None => {}
            Some(Err(_)) => self.rest(),
        }
    }

    fn decide(&mut self, call: &Call) -> Result<Verdict, Errno> {
        let number = call.arguments[0] as i32;
        let (caller, socket) = self.last_caller.with_copy(call.thread, number)?;
        match call.number {
            libc::SYS_connect => self.connect(call, caller, socket),
            libc::SYS_bind => self.bind(call, &caller, &socket),
            libc::SYS_listen => self.listen(call, &socket),
            libc::SYS_ioctl => self.tell_interfaces(call, &caller, &socket),
            _ => Err(Errno::NOSYS),
        }
    }

    /// Whether the caller is still who it was when its file and its address were copied.
    fn is_waiting(&self, call: u64) -> bool {
        let listener = self.listener.as_ref();
        listener.is_some_and(|listener| listener.is_waiting(call))
    }

    fn answer(&self, call: u64, result: Result<i64, Errno>) {
        if let Some(listener) = &self.listener {
            listener.answer(call, result);
        }
    }
}
