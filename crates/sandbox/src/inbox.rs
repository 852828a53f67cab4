//! What pid 1 has told and nobody has taken yet.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use lambkin_init::message::Report;

use crate::network::{Connect, NetworkRequest, Query, REQUESTS_MAX};
use crate::outbound::Likeness;
use crate::sandbox::{Event, Exit};

/// Events that nobody has asked for yet. Pid 1 sends one for each program that it was told to start.
const EVENTS_MAX: usize = 64;

/// What pid 1 has told.
#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) ready: bool,
    pub(crate) gone: bool,
    pub(crate) kills_asked: u64,
    pub(crate) kills_done: u64,
    pub(crate) events: VecDeque<Event>,
    pub(crate) requests: VecDeque<NetworkRequest>,
    /// How often it has said that a clone may come.
    pub(crate) expecting: u64,
    /// The last answer about a clone, with the request's number.
    pub(crate) clone: Option<(u32, Result<Cloned, NotCloned>)>,
}

/// A clone, by its number in its sandbox, with what tells its end, and the listener of its filter.
pub(crate) struct Cloned {
    pub(crate) process: i32,
    pub(crate) ended: OwnedFd,
    pub(crate) listener: OwnedFd,
}

/// The step that failed, and the error number.
#[derive(Debug)]
pub(crate) struct NotCloned {
    pub(crate) step: String,
    pub(crate) errno: i32,
}

/// Whom a report concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matter {
    /// Who looks after programs.
    Life,
    /// Who makes connections for them.
    Network,
}

/// A report, read.
pub(crate) enum Told {
    Network(NetworkRequest),
    Life(Report),
    Clone(u32, Cloned),
}

impl Told {
    /// `None` if it is not what pid 1 would say.
    pub(crate) fn of(report: Report, sent: Vec<OwnedFd>) -> Option<Self> {
        let request = match report {
            Report::Connect { id, destination } => NetworkRequest::Connect(Connect {
                id,
                destination,
                like: Likeness::of(sent.into_iter().next()?).ok()?,
            }),
            Report::Query {
                id,
                over_tcp,
                message,
            } => NetworkRequest::Query(Query {
                id,
                message,
                over_tcp,
            }),
            Report::Cloned { id, process } => {
                let [listener, ended] = sent.try_into().ok()?;
                let clone = Cloned {
                    process,
                    listener,
                    ended,
                };
                return Some(Self::Clone(id, clone));
            }
            report => return Some(Self::Life(report)),
        };
        Some(Self::Network(request))
    }
}

impl Inbox {
    pub(crate) fn put(&mut self, told: Option<Told>) -> Matter {
        match told {
            Some(Told::Network(request)) => {
                self.request(request);
                return Matter::Network;
            }
            Some(Told::Life(report)) => self.report(report),
            Some(Told::Clone(id, clone)) => self.clone_told(id, Ok(clone)),
            // Nothing any more, or this is not the pid 1 that it was.
            None => self.gone = true,
        }
        Matter::Life
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Ready => self.ready = true,
            Report::Killed => self.kills_done += 1,
            Report::Settled => self.event(Event::Settled),
            Report::Unfit { why } => self.event(Event::Unfit(why)),
            Report::Hindered { why } => self.event(Event::Hindered(why)),
            Report::Expecting => self.expecting += 1,
            Report::NotCloned { id, step, errno } => {
                self.clone_told(id, Err(NotCloned { step, errno }))
            }
            Report::StartFailed { errno } => self.event(Event::StartFailed { errno }),
            Report::Exited { code } => self.event(Event::Exited(Exit::Code(code))),
            Report::Signaled { signal } => self.event(Event::Exited(Exit::Signal(signal))),
            // Read as requests, or with what comes along; and an unpacker's words.
            Report::Cloned { .. }
            | Report::Connect { .. }
            | Report::Query { .. }
            | Report::Unpacked { .. }
            | Report::Rejected(_) => self.gone = true,
        }
    }

    /// One that nobody has waited for gives way, and its listener is closed: its sandbox has been given up.
    fn clone_told(&mut self, id: u32, told: Result<Cloned, NotCloned>) {
        self.clone = Some((id, told));
    }

    fn event(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.gone = true;
        }
    }

    fn request(&mut self, request: NetworkRequest) {
        if self.requests.len() < REQUESTS_MAX {
            self.requests.push_back(request);
        } else {
            self.gone = true;
        }
    }
}
