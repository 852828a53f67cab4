//! The spawner's loop: one epoll over the server's socket and, for each cell, its process and its sockets.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::answers::Answers;
use super::cells::{Cell, Source, Work};
use super::machine::Machine;
use crate::failure::{Failure, at};
use crate::protocol::{self, Outcome, Request, What};

/// Creations and unpackings in work at one time; further requests wait in the socket. More would only share
/// the same cores.
const STARTING_MAX: usize = 32;
/// Answers kept while the server does not read; then requests wait too.
const ANSWERS_MAX: usize = 256;
/// From clone to exec; takes 2 ms on an idle machine.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest that anything is waited for, whatever a request says: an unpacking gets a minute.
const DEADLINE_MAX: Duration = Duration::from_secs(3_600);
/// How long the cells of a server that has ended get to be gone.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct EventLoop {
    pub(super) machine: Machine,
    pub(super) cells: HashMap<u64, Cell>,
    pub(super) answers: Answers,
    /// When to look for children that no cell has, if there may be some.
    pub(super) strays: Option<Instant>,
    deadlines: BinaryHeap<Reverse<(Instant, u64)>>,
    last_cell: u64,
    socket: OwnedFd,
    epoll: OwnedFd,
    closing: Option<Instant>,
}

impl EventLoop {
    pub(super) fn new(socket: OwnedFd, machine: Machine) -> Result<Self, Failure> {
        rustix::io::ioctl_fionbio(&socket, true).map_err(at("set up the server's socket"))?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(at("make an epoll"))?;
        let server = epoll::EventData::new_u64(Source::Server.token());
        epoll::add(&epoll, &socket, server, epoll::EventFlags::IN)
            .map_err(at("watch the server"))?;
        Ok(Self {
            machine,
            cells: HashMap::new(),
            answers: Answers::default(),
            strays: None,
            deadlines: BinaryHeap::new(),
            last_cell: 0,
            socket,
            epoll,
            closing: None,
        })
    }

    /// Ends when the server has ended and nothing of its sandboxes is left.
    pub(super) fn run(&mut self) -> Result<(), Failure> {
        while !self.finished() {
            let events = self.wait()?;
            if events.is_empty() && self.can_prepare_ahead() {
                self.machine.prepare_ahead();
            }
            for event in events {
                self.handle(event);
            }
            self.pass_deadlines();
            self.end_strays_in_time();
            self.talk();
        }
        Ok(())
    }

    fn finished(&self) -> bool {
        self.closing
            .is_some_and(|until| self.cells.is_empty() || Instant::now() >= until)
    }

    fn wait(&mut self) -> Result<Vec<(Source, epoll::EventFlags)>, Failure> {
        let timeout = self.timeout();
        let mut events = Vec::with_capacity(64);
        match epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut events),
            timeout.as_ref(),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Failure::new("wait for events", error)),
        }
        let read = |event: epoll::Event| (Source::from_token(event.data.u64()), event.flags);
        Ok(events.into_iter().map(read).collect())
    }

    /// Until the next deadline; not at all while there is something to prepare ahead.
    fn timeout(&self) -> Option<Timespec> {
        let next = self.deadlines.peek().map(|Reverse((when, _))| *when);
        let next = [next, self.closing, self.strays]
            .into_iter()
            .flatten()
            .min();
        let left = if self.can_prepare_ahead() {
            Some(Duration::ZERO)
        } else {
            next.map(|when| when.saturating_duration_since(Instant::now()))
        };
        left.and_then(|left| Timespec::try_from(left).ok())
    }

    /// While nobody waits for a sandbox: preparing takes as long as a step of making one.
    fn can_prepare_ahead(&self) -> bool {
        self.machine.can_prepare_ahead() && self.answers.len() == 0 && self.starting() == 0
    }

    fn handle(&mut self, (source, flags): (Source, epoll::EventFlags)) {
        match source {
            Source::Server if flags.contains(epoll::EventFlags::HUP) => self.close(),
            Source::Server if flags.contains(epoll::EventFlags::IN) => self.hear(),
            Source::Server => {}
            Source::Process(cell) => self.on_ended(cell),
            Source::Setup(cell) => drop(self.on_setup(cell)),
            Source::Control(cell) => self.on_report(cell),
        }
    }

    /// Takes one request, so that events of cells are never far behind.
    fn hear(&mut self) {
        match protocol::receive_even_cut::<Request>(&self.socket) {
            Ok(Some((request, descriptors))) => {
                self.serve(request, descriptors.unwrap_or_default())
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Ok(None) | Err(_) => self.close(),
        }
    }

    fn serve(&mut self, Request { id, what }: Request, mut descriptors: Vec<OwnedFd>) {
        match what {
            What::Create(wanted) => self.create(id, &wanted),
            What::Unpack {
                bytes_max,
                entries_max,
                timeout_ms,
            } => match descriptors.pop() {
                Some(package) => {
                    let timeout = Duration::from_millis(timeout_ms);
                    self.unpack(id, package, bytes_max, entries_max, timeout);
                }
                // It came, and found no room here.
                None => self.fail(id, Failure::new("take over a package", Errno::MFILE)),
            },
            What::MountCode {
                sandbox,
                code,
                input,
            } => self.mount_code(id, sandbox, code, &input),
            What::Destroy { sandbox } => self.destroy(id, sandbox),
            What::FreeTree { tree } => self.machine.trees.free(tree),
        }
    }

    pub(super) fn fail(&mut self, request: u64, failure: Failure) {
        self.answers
            .push(request, Outcome::Failed(failure), Vec::new());
    }

    /// Sends what can be sent, and says what to wait for next from the server.
    fn talk(&mut self) {
        if self.closing.is_some() {
            return;
        }
        let mut wanted = epoll::EventFlags::empty();
        if self.answers.flush(&self.socket).is_err() {
            return self.close();
        }
        if self.answers.len() > 0 {
            wanted |= epoll::EventFlags::OUT;
        }
        if self.starting() < STARTING_MAX && self.answers.len() < ANSWERS_MAX {
            wanted |= epoll::EventFlags::IN;
        }
        let server = epoll::EventData::new_u64(Source::Server.token());
        if epoll::modify(&self.epoll, &self.socket, server, wanted).is_err() {
            self.close();
        }
    }

    fn starting(&self) -> usize {
        self.cells
            .values()
            .filter(|cell| !matches!(cell.work, Work::Running))
            .count()
    }

    /// The server has ended: so does everything.
    fn close(&mut self) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(Instant::now() + CLOSING_TIMEOUT);
        // It stays readable for ever and has nothing more to say.
        let _ = epoll::delete(&self.epoll, &self.socket);
        let cells: Vec<u64> = self.cells.keys().copied().collect();
        cells.into_iter().for_each(|cell| self.kill(cell));
    }

    /// Adds a cell and watches its process; one that cannot be watched is ended, and its request answered.
    pub(super) fn admit(&mut self, request: u64, cell: Cell) -> Option<u64> {
        self.last_cell += 1;
        let id = self.last_cell;
        if let Err(failure) = self.watch(&cell.process, Source::Process(id)) {
            self.discard(cell);
            self.fail(request, failure);
            return None;
        }
        self.cells.insert(id, cell);
        Some(id)
    }

    pub(super) fn watch(&self, descriptor: impl AsFd, source: Source) -> Result<(), Failure> {
        let data = epoll::EventData::new_u64(source.token());
        epoll::add(&self.epoll, descriptor, data, epoll::EventFlags::IN)
            .map_err(at("watch a sandbox"))
    }

    /// Before a descriptor is closed: a process that is being made may still hold a copy.
    pub(super) fn unwatch(&self, descriptor: impl AsFd) {
        let _ = epoll::delete(&self.epoll, descriptor);
    }

    /// Calls `pass_deadline` for the cell then, if it still exists.
    pub(super) fn remind(&mut self, cell: u64, after: Duration) {
        let when = Instant::now() + after.min(DEADLINE_MAX);
        self.deadlines.push(Reverse((when, cell)));
    }

    fn pass_deadlines(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((when, cell))) = self.deadlines.peek().copied() {
            if when > now {
                return;
            }
            self.deadlines.pop();
            self.pass_deadline(cell);
        }
    }

    fn pass_deadline(&mut self, id: u64) {
        match self.cells.get(&id) {
            Some(cell) if cell.reaped => self.remove(id),
            Some(cell) if !matches!(cell.work, Work::Running) => self.time_out(id),
            _ => {}
        }
    }
}
