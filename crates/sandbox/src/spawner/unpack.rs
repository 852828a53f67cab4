//! A package unpacked by a process in a sandbox of its own, whose last word counts only when it is gone.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use lambkin_init::message::Report;
use rustix::io::Errno;

use super::cells::{Cell, Source, Unpacking, Work};
use super::event_loop::EventLoop;
use super::machine::Started;
use crate::creation::{Begun, Setup};
use crate::failure::{Failure, at};
use crate::protocol::{self, Outcome};

impl EventLoop {
    pub(super) fn unpack(
        &mut self,
        request: u64,
        package: OwnedFd,
        bytes_max: u64,
        entries_max: u32,
        timeout: Duration,
    ) {
        let started = self.machine.start_unpacker(package, bytes_max, entries_max);
        let Some((Started { begun, group, uid }, tree)) = self.begun(request, started) else {
            return;
        };
        let Begun {
            process,
            setup,
            control,
            output,
            input: _,
        } = begun;
        let work = Work::Unpacking(Unpacking {
            request,
            tree,
            setup: Some(setup),
            control,
            _output: output,
            outcome: None,
        });
        let cell = Cell::new(process, group, uid, work);
        match self.admit(request, cell) {
            Some(id) => self.attend(id, timeout),
            None => self.machine.trees.free(tree),
        }
    }

    fn attend(&mut self, id: u64, timeout: Duration) {
        let Some(unpacking) = self.unpacking(id) else {
            return;
        };
        let watched = unpacking
            .setup
            .as_ref()
            .map_or(Ok(()), |setup| self.watch(setup, Source::Setup(id)))
            .and_then(|()| self.watch(&unpacking.control, Source::Control(id)));
        match watched {
            Ok(()) => self.remind(id, timeout),
            Err(failure) => self.conclude(id, Outcome::Failed(failure)),
        }
    }

    fn unpacking(&self, id: u64) -> Option<&Unpacking> {
        match self.cells.get(&id).map(|cell| &cell.work) {
            Some(Work::Unpacking(unpacking)) => Some(unpacking),
            _ => None,
        }
    }

    pub(super) fn on_unpacker_setup(&mut self, id: u64) {
        let Some(setup) = self
            .unpacking(id)
            .and_then(|unpacking| unpacking.setup.as_ref())
        else {
            return;
        };
        match protocol::receive::<Setup>(setup) {
            Ok(Some((Setup::Listening { .. } | Setup::Space, _))) => {}
            Ok(Some((Setup::Failed(failure), _))) => self.conclude(id, Outcome::Failed(failure)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(None) | Err(_) => self.forget_setup(id),
        }
    }

    fn forget_setup(&mut self, id: u64) {
        let cell = self.cells.get_mut(&id).map(|cell| &mut cell.work);
        if let Some(Work::Unpacking(unpacking)) = cell
            && let Some(setup) = unpacking.setup.take()
        {
            self.unwatch(setup);
        }
    }

    /// A message of the unpacker.
    pub(super) fn on_report(&mut self, id: u64) {
        let Some(unpacking) = self.unpacking(id) else {
            return;
        };
        let outcome = match protocol::receive::<Report>(&unpacking.control) {
            Ok(Some((Report::Unpacked { bytes, .. }, _))) => Outcome::Unpacked {
                tree: unpacking.tree,
                bytes,
            },
            Ok(Some((Report::Rejected(why), _))) => Outcome::Rejected(why),
            Ok(Some(_)) => return,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(None) => Outcome::Failed(Failure::new("unpack a package", Errno::CHILD)),
            Err(error) => Outcome::Failed(at("hear an unpacker")(error)),
        };
        self.conclude(id, outcome);
    }

    /// Keeps the first outcome, and ends the unpacker; the answer comes when it is gone.
    pub(super) fn conclude(&mut self, id: u64, outcome: Outcome) {
        let cell = self.cells.get_mut(&id).map(|cell| &mut cell.work);
        if let Some(Work::Unpacking(unpacking)) = cell {
            unpacking.outcome.get_or_insert(outcome);
            if let Some(unpacking) = self.unpacking(id) {
                self.unwatch(&unpacking.control);
            }
            self.kill(id);
        }
    }

    /// Nothing writes to the tree any more: seals it, or forgets it.
    pub(super) fn finish_unpacking(&mut self, unpacking: Unpacking) {
        let Unpacking {
            request,
            tree,
            outcome,
            ..
        } = unpacking;
        let outcome = outcome
            .unwrap_or_else(|| Outcome::Failed(Failure::new("unpack a package", Errno::CHILD)));
        let outcome = match outcome {
            Outcome::Unpacked { .. } => match self.machine.trees.seal(tree) {
                Ok(()) => outcome,
                Err(failure) => Outcome::Failed(failure),
            },
            other => other,
        };
        if !matches!(outcome, Outcome::Unpacked { .. }) {
            self.machine.trees.free(tree);
        }
        self.answers.push(request, outcome, Vec::new());
    }
}
