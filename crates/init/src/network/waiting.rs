//! Calls that wait for their answer: for the server's, or for the end of a connection.

use super::caller::Caller;
use super::connect::end_of;
use super::{Network, Verdict};
use crate::kernel::sockets;
use crate::message::CONNECTS_MAX;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// Between two looks whether those who wait for a connection are still there.
const LOOK: Duration = Duration::from_secs(1);

/// A `connect`.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) call: u64,
    /// Of the caller's descriptor.
    pub(super) number: RawFd,
    /// Whether its caller waits for the end of the connection.
    pub(super) blocks: bool,
    pub(super) caller: Caller,
    /// A copy of its socket.
    pub(super) socket: OwnedFd,
}

/// What it waits for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The server's answer to the request of this number.
    Asked(u32),
    /// The end of the connection of its socket.
    Connecting,
}

/// One that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) stage: Stage,
    /// When it gives up, by the program's wish.
    pub(super) until: Option<Instant>,
}

impl Network {
    /// As long as the program wants to wait on its socket.
    pub(super) fn wait(&mut self, request: Request, stage: Stage) -> Result<Verdict, Errno> {
        let timeout_us = match request.blocks {
            true => sockets::send_timeout_us(request.socket.as_fd()),
            false => 0,
        };
        let until = (timeout_us > 0).then(|| Instant::now() + Duration::from_micros(timeout_us));
        self.wait_until(request, stage, until)
    }

    pub(super) fn wait_until(
        &mut self,
        request: Request,
        stage: Stage,
        until: Option<Instant>,
    ) -> Result<Verdict, Errno> {
        if stage == Stage::Connecting && has_ended(request.socket.as_fd()) {
            return ended(&request.socket).map(|()| Verdict::Done);
        }
        if self.waiting.len() >= CONNECTS_MAX {
            return Err(Errno::AGAIN);
        }
        self.waiting.push(Waiting {
            request,
            stage,
            until,
        });
        Ok(Verdict::Later)
    }

    /// Sockets whose end of connecting somebody waits for.
    pub(super) fn connecting(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let connecting = |waiting: &&Waiting| waiting.stage == Stage::Connecting;
        let waiting = self.waiting.iter().filter(connecting);
        waiting.map(|waiting| waiting.request.socket.as_fd())
    }

    /// Time until something is to be looked at again, whatever happens.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let deadlines = self.waiting.iter().filter_map(|waiting| waiting.until);
        let left = deadlines
            .min()
            .map(|until| until.saturating_duration_since(Instant::now()));
        let look = self.connecting().next().map(|_| LOOK);
        [left, look].into_iter().flatten().min()
    }

    /// Answers those whose connection has ended, or whose time has.
    pub(crate) fn look_at_waiting(&mut self) {
        let now = Instant::now();
        let mut index = 0;
        while let Some(waiting) = self.waiting.get_mut(index) {
            let is_connecting = waiting.stage == Stage::Connecting;
            let result = match waiting {
                _ if is_connecting && has_ended(waiting.request.socket.as_fd()) => {
                    Some(ended(&waiting.request.socket))
                }
                // As the kernel tells it.
                _ if waiting.until.is_some_and(|until| until <= now) => {
                    Some(Err(Errno::INPROGRESS))
                }
                _ => None,
            };
            let call = waiting.request.call;
            if let Some(result) = result {
                waiting.until = None;
                self.answer(call, result.map(|()| 0));
            }
            let is_over = is_connecting && (result.is_some() || !self.is_waiting(call));
            match is_over {
                true => drop(self.waiting.swap_remove(index)),
                false => index += 1,
            }
        }
    }

    /// Keeps only what the server has still to answer, so that there is never more of it than allowed.
    pub(super) fn forget_calls(&mut self) {
        self.waiting
            .retain(|waiting| matches!(waiting.stage, Stage::Asked(_)));
    }
}

fn has_ended(socket: BorrowedFd<'_>) -> bool {
    let mut wanted = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(poll(&mut wanted, Some(&now)), Ok(1..))
}

/// The result of a connect that has ended.
pub(super) fn ended(socket: &OwnedFd) -> Result<(), Errno> {
    match end_of(socket.as_fd()) {
        Err(Errno::ISCONN) => Ok(()),
        // So says a module for security in any state.
        Err(Errno::AFNOSUPPORT) => sockopt::socket_error(socket)?,
        result => result,
    }
}
