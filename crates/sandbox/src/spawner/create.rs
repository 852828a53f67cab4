//! A sandbox for the server: asked for, set up, handed over.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::cells::{Cell, Creating, Source, Work};
use super::event_loop::{EventLoop, START_TIMEOUT};
use super::machine::Started;
use crate::creation::{Begun, Setup};
use crate::failure::Failure;
use crate::linux::cgroup::Group;
use crate::protocol::{self, CreateSandbox, Lineage, Outcome};

impl EventLoop {
    pub(super) fn create(&mut self, request: u64, wanted: &CreateSandbox) {
        let above = self.above(wanted.lineage);
        let started = self.machine.start_sandbox(wanted, above);
        let Started { begun, group, uid } = match started {
            Ok(started) => started,
            Err(failure) => return self.fail(request, failure),
        };
        let Begun {
            process,
            number,
            setup,
            control,
            output,
        } = begun;
        let work = Work::Creating(Creating {
            request,
            setup,
            control,
            output,
            listener: None,
            tunnel: None,
            mounts_us: 0,
            number,
        });
        let mut cell = Cell::new(process, group, uid, work);
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

    /// Pid 1 of a template that has not been given up.
    fn above(&self, lineage: Lineage) -> Option<OwnedFd> {
        let Lineage::CloneOf(template) = lineage else {
            return None;
        };
        let cell = self.cells.get(&template)?;
        let stands = !cell.reaped && cell.waiting.is_empty() && !cell.is_doomed;
        stands.then(|| cell.process.try_clone().ok()).flatten()
    }

    /// A word of a process that sets itself up, or the silence after its exec.
    pub(super) fn on_setup(&mut self, id: u64) {
        match self.cells.get_mut(&id).map(|cell| &mut cell.work) {
            Some(Work::Creating(creating)) => match protocol::receive::<Setup>(&creating.setup) {
                Ok(Some((Setup::Listening { mounts_us }, sent))) => {
                    let mut sent = sent.into_iter();
                    creating.listener = sent.next();
                    creating.tunnel = sent.next();
                    creating.mounts_us = mounts_us;
                }
                Ok(Some((Setup::Space, mut sent))) => self.keep_space(id, sent.pop()),
                Ok(Some((Setup::Failed(failure), _))) => self.fail_creation(id, failure),
                Ok(None) => self.hand_over(id),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.fail_creation(id, crate::failure::at("hear a new process")(error));
                }
            },
            Some(Work::Unpacking(_)) => self.on_unpacker_setup(id),
            Some(Work::Running) | None => {}
        }
    }

    fn keep_space(&mut self, id: u64, space: Option<OwnedFd>) {
        if let Some(cell) = self.cells.get_mut(&id) {
            cell.space = space;
        }
    }

    /// Of a sandbox that was made without code, once.
    pub(super) fn mount_code(&mut self, request: u64, id: u64, tree: u64) {
        let space = self.cells.get_mut(&id).and_then(|cell| cell.space.take());
        let mounted = match space {
            Some(space) => self.machine.mount_code(&space, tree),
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
        let group = self.cells.get(&id).and_then(|cell| cell.group.as_ref());
        self.answers.push(
            creating.request,
            Outcome::Created {
                sandbox: id,
                group: group.map(Group::files),
                mounts_us: creating.mounts_us,
                number: creating.number,
            },
            [listener, creating.output, creating.control]
                .into_iter()
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
