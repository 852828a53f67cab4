//! What the spawner knows of one process tree that it made.
//!
//! ```text
//! Creating ──exec──▶ Running ──kill or own end──▶ (reaped) ──group removed──▶ forgotten
//! Unpacking ──report or end──▶ (reaped) ──▶ forgotten
//! ```

use std::os::fd::OwnedFd;

use crate::linux::cgroup::Group;
use crate::protocol::Outcome;

pub(super) struct Cell {
    pub(super) process: OwnedFd,
    pub(super) group: Option<Group>,
    pub(super) uid: u32,
    pub(super) work: Work,
    /// In which code is to be mounted yet.
    pub(super) space: Option<OwnedFd>,
    /// Where its program waits for that.
    pub(super) input: Option<OwnedFd>,
    /// Requests to be answered when nothing of it is left.
    pub(super) waiting: Vec<u64>,
    /// Readable once a template has settled.
    pub(super) settled: Option<OwnedFd>,
    /// The template's cell that it was made below.
    pub(super) below: Option<u64>,
    /// To be killed with the last one below it.
    pub(super) is_doomed: bool,
    pub(super) reaped: bool,
    /// Tries to remove its group.
    pub(super) removals: u32,
}

impl Cell {
    pub(super) fn new(process: OwnedFd, group: Option<Group>, uid: u32, work: Work) -> Self {
        Self {
            process,
            group,
            uid,
            work,
            space: None,
            input: None,
            waiting: Vec::new(),
            settled: None,
            below: None,
            is_doomed: false,
            reaped: false,
            removals: 0,
        }
    }
}

pub(super) enum Work {
    Creating(Creating),
    Running,
    Unpacking(Unpacking),
}

/// What the server gets when pid 1 was executed.
pub(super) struct Creating {
    pub(super) request: u64,
    pub(super) setup: OwnedFd,
    pub(super) control: OwnedFd,
    pub(super) output: OwnedFd,
    pub(super) listener: Option<OwnedFd>,
    pub(super) tunnel: Option<OwnedFd>,
    pub(super) mounts_us: u32,
}

pub(super) struct Unpacking {
    pub(super) request: u64,
    pub(super) tree: u64,
    /// Gone once the unpacker was executed.
    pub(super) setup: Option<OwnedFd>,
    pub(super) control: OwnedFd,
    /// Held for its other end: an unpacker that writes must not be ended by it.
    pub(super) _output: OwnedFd,
    /// What it reported, or why it was ended; told when it is gone.
    pub(super) outcome: Option<Outcome>,
}

/// What an event of the epoll is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Server,
    Process(u64),
    Setup(u64),
    Control(u64),
}

impl Source {
    pub(super) fn token(self) -> u64 {
        match self {
            Self::Server => 0,
            Self::Process(cell) => cell << 2 | 1,
            Self::Setup(cell) => cell << 2 | 2,
            Self::Control(cell) => cell << 2 | 3,
        }
    }

    pub(super) fn from_token(token: u64) -> Self {
        let cell = token >> 2;
        match token & 3 {
            0 => Self::Server,
            1 => Self::Process(cell),
            2 => Self::Setup(cell),
            _ => Self::Control(cell),
        }
    }
}
