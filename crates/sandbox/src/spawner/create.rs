//! A sandbox for the server: asked for, set up, handed over.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::cells::{Cell, Creating, Source, Work};
use super::event_loop::{EventLoop, START_TIMEOUT};
use super::machine::Started;
use crate::creation::{Begun, Part, Setup};
use crate::failure::{Failure, at};
use crate::linux::cgroup::Group;
use crate::linux::pidfd;
use crate::protocol::{self, Code, CreateSandbox, Lineage, Outcome};

impl EventLoop {
    pub(super) fn create(&mut self, request: u64, wanted: &CreateSandbox) {
        let part = self.part(wanted.lineage);
        let started = part.and_then(|(part, settled)| {
            let started = self.machine.start_sandbox(wanted, part)?;
            Ok((started, settled))
        });
        let Some((Started { begun, group, uid }, settled)) = self.begun(request, started) else {
            return;
        };
        let Begun {
            process,
            setup,
            control,
            output,
            input,
        } = begun;
        let work = Work::Creating(Creating {
            request,
            setup,
            control,
            output,
            listener: None,
            tunnel: None,
            mounts_us: 0,
        });
        let mut cell = Cell::new(process, group, uid, work);
        cell.settled = settled;
        cell.input = input;
        if let Lineage::CloneOf(template) = wanted.lineage {
            cell.below = Some(template);
        }
        if let Some(id) = self.admit(request, cell) {
            let Some(Cell {
                work: Work::Creating(creating),
                ..
            }) = self.cells.get(&id)
            else {
                return;
            };
            if let Err(failure) = self.watch(&creating.setup, Source::Setup(id)) {
                return self.fail_creation(id, failure);
            }
            self.remind(id, START_TIMEOUT);
        }
    }

    /// What was begun; if that failed, it is told, and what it left is ended.
    pub(super) fn begun<T>(&mut self, request: u64, started: Result<T, Failure>) -> Option<T> {
        started
            .map_err(|failure| {
                self.end_strays();
                self.fail(request, failure);
            })
            .ok()
    }

    /// What a sandbox of that kind is among others, and what a template will tell that it has settled by. Without the
    /// filters of programs there are no clones.
    fn part(&self, lineage: Lineage) -> Result<(Part, Option<OwnedFd>), Failure> {
        let none = || Failure::new("find a template's sandbox", Errno::NOENT);
        match (lineage, self.machine.has_network) {
            (Lineage::Alone, true) => Ok((Part::Connected, None)),
            (Lineage::Alone, false) => Ok((Part::Alone, None)),
            (Lineage::Template, true) => {
                let told = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                    .map_err(at("make an event file"))?;
                let tells = told.try_clone().map_err(at("make an event file"))?;
                Ok((Part::Above(tells), Some(told)))
            }
            (Lineage::CloneOf(template), true) => {
                let above = self.above(template).ok_or_else(none)?;
                Ok((Part::Below(above), None))
            }
            (_, false) => Err(Failure::new("make clones", Errno::OPNOTSUPP)),
        }
    }

    /// Pid 1 of a template that has not been given up, and in which nothing of a function runs any more.
    fn above(&self, template: u64) -> Option<OwnedFd> {
        let cell = self.cells.get(&template)?;
        let stands = !cell.reaped && cell.waiting.is_empty() && !cell.is_doomed;
        let has_settled = cell.settled.as_ref().is_some_and(pidfd::is_readable);
        (stands && has_settled)
            .then(|| cell.process.try_clone().ok())
            .flatten()
    }

    /// A word of a process that sets itself up, or the silence after its exec. Whether there may be another.
    pub(super) fn on_setup(&mut self, id: u64) -> bool {
        let creating = match self.cells.get_mut(&id).map(|cell| &mut cell.work) {
            Some(Work::Creating(creating)) => creating,
            Some(Work::Unpacking(_)) => {
                self.on_unpacker_setup(id);
                return false;
            }
            Some(Work::Running) | None => return false,
        };
        match protocol::receive::<Setup>(&creating.setup) {
            Ok(Some((Setup::Listening { mounts_us }, sent))) => {
                let mut sent = sent.into_iter();
                creating.listener = sent.next();
                creating.tunnel = sent.next();
                creating.mounts_us = mounts_us;
                return true;
            }
            Ok(Some((Setup::Space, mut sent))) => {
                self.keep_space(id, sent.pop());
                return true;
            }
            Ok(Some((Setup::Failed(failure), _))) => self.fail_creation(id, failure),
            Ok(None) => self.hand_over(id),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => self.fail_creation(id, at("hear a new process")(error)),
        }
        false
    }

    fn keep_space(&mut self, id: u64, space: Option<OwnedFd>) {
        if let Some(cell) = self.cells.get_mut(&id) {
            cell.space = space;
        }
    }

    /// Of a sandbox that was made without code, once.
    pub(super) fn mount_code(&mut self, request: u64, id: u64, code: Code, input: &[u8]) {
        let cell = self.cells.get_mut(&id);
        let without = cell.and_then(|cell| cell.space.take().zip(cell.input.take()));
        let mounted = match without {
            Some((space, place)) => self
                .machine
                .mount_code(&space, code)
                .and_then(|()| give(place, input)),
            None => Err(Failure::new("find a sandbox without code", Errno::NOENT)),
        };
        match mounted {
            Ok(()) => self.answers.push(request, Outcome::Done, Vec::new()),
            Err(failure) => self.fail(request, failure),
        }
    }

    fn hand_over(&mut self, id: u64) {
        let Some(creating) = self.end_creation(id) else {
            return;
        };
        let Some(listener) = creating.listener else {
            self.kill(id);
            let failure = Failure::new("set up a sandbox", Errno::CHILD);
            return self.fail(creating.request, failure);
        };
        let Some(cell) = self.cells.get(&id) else {
            return;
        };
        let process = cell.below.map(|_| cell.process.try_clone()).transpose();
        let Ok(process) = process else {
            self.kill(id);
            let failure = Failure::new("hand out a process", Errno::MFILE);
            return self.fail(creating.request, failure);
        };
        self.answers.push(
            creating.request,
            Outcome::Created {
                sandbox: id,
                group: cell.group.as_ref().map(Group::files),
                mounts_us: creating.mounts_us,
                is_below: process.is_some(),
            },
            [listener, creating.output, creating.control]
                .into_iter()
                .chain(process)
                .chain(creating.tunnel)
                .collect(),
        );
    }

    pub(super) fn fail_creation(&mut self, id: u64, failure: Failure) {
        if let Some(creating) = self.end_creation(id) {
            self.kill(id);
            self.fail(creating.request, failure);
        }
    }

    fn end_creation(&mut self, id: u64) -> Option<Creating> {
        let cell = self.cells.get_mut(&id)?;
        match std::mem::replace(&mut cell.work, Work::Running) {
            Work::Creating(creating) => {
                self.unwatch(&creating.setup);
                Some(creating)
            }
            other => {
                cell.work = other;
                None
            }
        }
    }
}

/// Gives a program all that it reads, or nothing: a user who has many pipes gets small ones, and the spawner waits for
/// nobody.
fn give(place: OwnedFd, input: &[u8]) -> Result<(), Failure> {
    let step = "give a program its input";
    let room = rustix::pipe::fcntl_getpipe_size(&place).map_err(at(step))?;
    match input.len() {
        0 => Ok(()),
        length if length > room => Err(Failure::new(step, Errno::MSGSIZE)),
        _ => rustix::io::write(place, input).map(drop).map_err(at(step)),
    }
}
