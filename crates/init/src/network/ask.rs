//! Connections out of the sandbox: asked of the server, whose socket comes in the place of the program's.

use super::places::Places;
use super::waiting::{Request, Stage, Waiting, ended};
use super::{Network, Verdict};
use crate::control;
use crate::kernel::sockets::{self, Setting};
use crate::message::{CONNECTS_MAX, Connected, Report};
use rustix::io::Errno;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

const LINGER: Setting = (libc::SOL_SOCKET, libc::SO_LINGER);

impl Network {
    pub(super) fn ask(
        &mut self,
        mut request: Request,
        destination: SocketAddr,
    ) -> Result<Verdict, Errno> {
        if let Some(index) = self.asked_for(&request.socket)? {
            return self.ask_again(index, request);
        }
        if self.waiting.len() >= CONNECTS_MAX {
            return Err(Errno::AGAIN);
        }
        self.last_request = self.last_request.wrapping_add(1);
        let id = self.last_request;
        let report = Report::Connect { id, destination };
        control::report_with(&report, &[request.socket.as_fd()])?;
        request.look_for_places();
        self.wait(request, Stage::Asked(id))
    }

    /// Whether the server has been asked for this socket already. That call may have been interrupted by a signal.
    fn asked_for(&self, socket: &OwnedFd) -> Result<Option<usize>, Errno> {
        if self.waiting.is_empty() {
            return Ok(None);
        }
        let wanted = rustix::fs::fstat(socket)?.st_ino;
        Ok(self.waiting.iter().position(|waiting| {
            let asked = matches!(waiting.stage, Stage::Asked(_));
            let inode = rustix::fs::fstat(&waiting.request.socket).map(|stat| stat.st_ino);
            asked && inode == Ok(wanted)
        }))
    }

    fn ask_again(&mut self, index: usize, mut request: Request) -> Result<Verdict, Errno> {
        if self.is_waiting(self.waiting[index].request.call) {
            return Err(Errno::ALREADY);
        }
        request.look_for_places();
        let Waiting { stage, .. } = self.waiting.swap_remove(index);
        self.wait(request, stage)
    }

    /// A socket of the server, whose answer follows. One for nobody is closed.
    pub(crate) fn take(&mut self, id: u32, socket: OwnedFd) {
        if self.place_of(id).is_some() && self.given.len() < CONNECTS_MAX {
            self.given.push((id, socket));
        }
    }

    fn place_of(&self, id: u32) -> Option<usize> {
        let asked = |waiting: &Waiting| matches!(waiting.stage, Stage::Asked(of) if of == id);
        self.waiting.iter().position(asked)
    }

    /// The server's answer.
    pub(crate) fn connected(&mut self, id: u32, outcome: Connected) {
        let given = self.given.iter().position(|(of, _)| *of == id);
        let socket = given.map(|index| self.given.swap_remove(index).1);
        let Some(index) = self.place_of(id) else {
            return;
        };
        let Waiting { request, until, .. } = self.waiting.swap_remove(index);
        let call = request.call;
        let result = match (outcome, socket) {
            (Connected::Refused { errno }, _) => Err(Errno::from_raw_os_error(errno)),
            (Connected::Done, Some(socket)) => self.put_connected(&request, &socket),
            (Connected::InProgress, Some(socket)) => self.put_in_progress(request, socket, until),
            (_, None) => Err(Errno::NETUNREACH),
        };
        match result {
            Ok(Verdict::Later) => {}
            Ok(Verdict::Done) => self.answer(call, Ok(0)),
            Err(error) => self.answer(call, Err(error)),
        }
    }

    /// Whoever connects it again is told that it is connected, as this call has told its end.
    fn put_connected(&self, request: &Request, socket: &OwnedFd) -> Result<Verdict, Errno> {
        ended(socket)?;
        self.put(request, socket)?;
        Ok(Verdict::Done)
    }

    /// At once, and not at the end: a program that is interrupted polls what it has.
    fn put_in_progress(
        &mut self,
        request: Request,
        socket: OwnedFd,
        until: Option<Instant>,
    ) -> Result<Verdict, Errno> {
        self.put(&request, &socket)?;
        if !request.blocks {
            return Err(Errno::INPROGRESS);
        }
        self.wait_until(Request { socket, ..request }, Stage::Connecting, until)
    }

    /// Puts a socket in the place of the program's.
    pub(super) fn put(&self, request: &Request, socket: &OwnedFd) -> Result<(), Errno> {
        let listener = self.listener.as_ref().ok_or(Errno::SRCH)?;
        // What the server does not set: who closes last waits by it.
        sockets::copy(LINGER, request.socket.as_fd(), socket.as_fd());
        let Request {
            caller,
            number,
            places,
            ..
        } = request;
        places.register(request.socket.as_fd(), socket.as_fd());
        for number in places.numbers(caller, &request.socket) {
            let close_on_exec = caller.closes_on_exec(number);
            listener.put(request.call, number, socket.as_fd(), close_on_exec)?;
        }
        listener.put(request.call, *number, socket.as_fd(), places.close_on_exec)
    }
}

impl Request {
    pub(super) fn look_for_places(&mut self) {
        self.places = Places::look(&self.caller, self.number, &self.socket);
    }
}
