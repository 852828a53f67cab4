//! Clones: the server's part in the fork of an initialised program into another sandbox.
//!
//! ```text
//! template's pid 1                         server                          fresh sandbox's pid 1
//!                                          clone_into ── Expect, variables ──▶
//!                     ◀── Clone ─────────── ◀────────── Expecting ───────────┘
//!   forks, restricts ── Cloned, listener ─▶ ── Adopt, listener ──────────────▶ looks after it as its program
//! ```
//! What a clone reads at its standard input, and where, is a matter between the caller and the program.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use lambkin_init::message::Command;
use tokio::sync::Mutex;

use crate::error::Error;
use crate::failure::Failure;
use crate::inbox::{Cloned, Matter, NotCloned};
use crate::sandbox::Sandbox;

/// Takes a millisecond or two; whoever waits longer starts the program anew.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Of one sandbox, as template or as a clone's place.
#[derive(Default)]
pub(crate) struct Cloning {
    /// One clone at a time: a later answer is a later request's.
    turn: Mutex<()>,
    last: AtomicU32,
    expected: AtomicU64,
    /// Its pid 1, where a clone may come.
    place: Place,
}

/// Taken by the first that comes.
type Place = std::sync::Mutex<Option<OwnedFd>>;

impl Cloning {
    pub(crate) fn into(process: Option<OwnedFd>) -> Self {
        Self {
            place: Place::new(process),
            ..Self::default()
        }
    }

    fn take_place(&self) -> Option<OwnedFd> {
        let place = self.place.lock();
        place.unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Sandbox {
    /// Forks this sandbox's program, which has settled, into `fresh`, which was made as its clone's place and runs
    /// nothing. The clone goes on as the child of the fork by which the program settled, with `input` (at most 32 KiB less
    /// a few bytes, then the end) at its standard input, its output in the log of `fresh`, no other descriptor, the
    /// sandbox's user and all restrictions of any program. Its end comes as an event of `fresh`.
    ///
    /// # Errors
    /// Fails if a step fails or takes more than two seconds. Then only `destroy` is left for `fresh`; this one is as
    /// it was.
    pub async fn clone_into(&self, fresh: &Sandbox, input: Vec<u8>) -> Result<(), Error> {
        let cloned = tokio::time::timeout(TIMEOUT, self.try_clone_into(fresh, input));
        let late = || Failure::new("clone a program", rustix::io::Errno::TIMEDOUT).into();
        cloned.await.unwrap_or_else(|_| Err(late()))
    }

    async fn try_clone_into(&self, fresh: &Sandbox, input: Vec<u8>) -> Result<(), Error> {
        let Some(into) = fresh.cloning.take_place() else {
            return Err(Failure::new("find a clone's place", rustix::io::Errno::INVAL).into());
        };
        fresh.expect(input).await?;
        let Cloned {
            process,
            ended,
            listener,
        } = self.fork_into(&into).await?;
        let command = Command::Adopt { process };
        fresh
            .talk
            .command(&command, &[listener.as_fd(), ended.as_fd()], |_| {})
            .await
    }

    /// Resolves when a clone may come.
    async fn expect(&self, input: Vec<u8>) -> Result<(), Error> {
        let goal = self.cloning.expected.fetch_add(1, Ordering::Relaxed) + 1;
        let command = Command::Expect { input };
        self.talk.command(&command, &[], |_| {}).await?;
        let ready = self.talk.wait(Matter::Life, |inbox| {
            (inbox.expecting >= goal || inbox.gone).then_some(!inbox.gone)
        });
        if ready.await { Ok(()) } else { Err(gone()) }
    }

    async fn fork_into(&self, into: &OwnedFd) -> Result<Cloned, Error> {
        let _turn = self.cloning.turn.lock().await;
        let id = self.cloning.last.fetch_add(1, Ordering::Relaxed);
        let command = Command::Clone { id };
        self.talk.command(&command, &[into.as_fd()], |_| {}).await?;
        let told = self.talk.wait(Matter::Life, |inbox| {
            match inbox.clone.take_if(|(of, _)| *of == id) {
                Some((_, told)) => Some(Some(told)),
                None => inbox.gone.then_some(None),
            }
        });
        match told.await {
            Some(Ok(cloned)) => Ok(cloned),
            Some(Err(NotCloned { step, errno })) => Err(Failure {
                step: step.into(),
                errno,
            }
            .into()),
            None => Err(gone()),
        }
    }
}

fn gone() -> Error {
    Failure::new("clone a program", rustix::io::Errno::CHILD).into()
}
