//! Calls that wait for their answer: for the server's, or for the end of a connection.

use super::caller::Caller;
use super::connect::{attempt, end_of};
use super::local::Place;
use super::places::Places;
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
/// Between two tries for a place in a queue.
const PAUSE: Duration = Duration::from_millis(2);

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
    /// Where else that is.
    pub(super) places: Places,
}

/// What it waits for.
#[derive(Debug)]
pub(super) enum Stage {
    /// The server's answer to the request of this number.
    Asked(u32),
    /// The end of the connection of its socket.
    Connecting,
    /// A place in the queue of a local socket that listens, for which it tries again and again.
    Trying(Place),
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
        let waiting = Waiting {
            request,
            stage,
            until,
        };
        if let Some(result) = waiting.result() {
            return result.map(|()| Verdict::Done);
        }
        if self.waiting.len() >= CONNECTS_MAX {
            return Err(Errno::AGAIN);
        }
        self.waiting.push(waiting);
        Ok(Verdict::Later)
    }

    /// Sockets whose end of connecting somebody waits for.
    pub(super) fn connecting(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let connecting = |waiting: &&Waiting| matches!(waiting.stage, Stage::Connecting);
        let waiting = self.waiting.iter().filter(connecting);
        waiting.map(|waiting| waiting.request.socket.as_fd())
    }

    /// Time until something is to be looked at again, whatever happens.
    pub(crate) fn patience(&self) -> Option<Duration> {
        let now = Instant::now();
        let times = self.waiting.iter().flat_map(|waiting| {
            let look = match waiting.stage {
                Stage::Asked(_) => None,
                Stage::Connecting => Some(LOOK),
                Stage::Trying(_) => Some(PAUSE),
            };
            let left = |until: Instant| until.saturating_duration_since(now);
            [look, waiting.until.map(left)]
        });
        times.flatten().min()
    }

    /// Whether anybody waits for what comes without a word, or not for longer than a time.
    pub(crate) fn has_to_look(&self) -> bool {
        let mut waiting = self.waiting.iter();
        waiting.any(|waiting| waiting.until.is_some() || !matches!(waiting.stage, Stage::Asked(_)))
    }

    /// Answers those whose connection has ended, or whose time has.
    pub(crate) fn look_at_waiting(&mut self) {
        let now = Instant::now();
        for waiting in std::mem::take(&mut self.waiting) {
            let Waiting {
                request,
                stage,
                until,
            } = &waiting;
            let is_late = until.is_some_and(|until| until <= now);
            let result = waiting.result().or(is_late.then(|| Err(stage.too_late())));
            if let Some(result) = result {
                self.answer(request.call, result.map(|()| 0));
            }
            let is_asked = matches!(stage, Stage::Asked(_));
            if is_asked || result.is_none() && self.is_waiting(request.call) {
                let until = until.filter(|_| !is_late);
                self.waiting.push(Waiting { until, ..waiting });
            }
        }
    }

    /// Keeps only what the server has still to answer, so that there is never more of it than allowed.
    pub(super) fn forget_calls(&mut self) {
        self.waiting
            .retain(|waiting| matches!(waiting.stage, Stage::Asked(_)));
    }
}

impl Waiting {
    /// What it waits for, if that is there. What the server is asked for comes by itself.
    fn result(&self) -> Option<Result<(), Errno>> {
        let request = &self.request;
        match &self.stage {
            Stage::Connecting if has_ended(request.socket.as_fd()) => Some(ended(&request.socket)),
            Stage::Trying(place) => match place.act(|address| attempt(request, address)) {
                Err(Errno::AGAIN | Errno::INPROGRESS) => None,
                result => Some(result),
            },
            Stage::Connecting | Stage::Asked(_) => None,
        }
    }
}

impl Stage {
    /// What the kernel answers when a program's own time is over.
    fn too_late(&self) -> Errno {
        match self {
            Self::Trying(_) => Errno::AGAIN,
            Self::Asked(_) | Self::Connecting => Errno::INPROGRESS,
        }
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
