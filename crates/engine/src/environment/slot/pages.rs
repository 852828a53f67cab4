//! Where the pages of an environment are that stands still, and how they leave memory.
//!
//! ```text
//! InMemory ── frozen for long, memory short ──▶ Leaving ── all that will go has gone ──▶ Out, or Staying
//!     ▲                                           │                                     │
//!     └────────────── thawed: swap is closed, and pages come back as they are touched ──┘
//! ```
//! Once for each time that it is frozen. The slot's lock is held for two small writes and not while pages leave, so
//! that an invocation which comes meanwhile waits for none of them.

use super::Slot;
use lambkin_sandbox::Freezer;
use std::io;
use std::time::Duration;

/// Of what is used every few seconds no page leaves.
const FROZEN_FOR: Duration = Duration::from_secs(5);

/// Of one that stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pages {
    InMemory,
    /// Swap is open to them.
    Leaving,
    /// Most of them.
    Out,
    /// Most would not leave.
    Staying,
}

impl Pages {
    /// It goes on: nothing leaves any more.
    pub(super) fn stay(self, freezer: &Freezer) {
        if self != Self::Leaving {
            return;
        }
        if let Err(error) = freezer.close_swap() {
            tracing::warn!(%error, "cannot keep an environment's pages in memory");
        }
    }
}

/// What an environment had in memory, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PushedOut {
    pub(crate) before: u64,
    pub(crate) after: u64,
}

impl Slot {
    /// Whether it has stood still for long enough, with its pages in memory.
    pub(crate) fn may_be_pushed_out(&self) -> bool {
        let frozen = self.lock().frozen;
        frozen.is_some_and(|frozen| {
            frozen.pages == Pages::InMemory && frozen.since.elapsed() >= FROZEN_FOR
        })
    }

    /// Whether its end would give back next to nothing.
    pub(crate) fn is_pushed_out(&self) -> bool {
        let frozen = self.lock().frozen;
        frozen.is_some_and(|frozen| frozen.pages == Pages::Out)
    }

    /// Sends its pages to swap, if they may and are no more than `room` bytes; blocks until they are there, or
    /// an invocation has come.
    pub(crate) fn push_out(&self, room: u64) -> io::Result<Option<PushedOut>> {
        let Some(freezer) = &self.freezer else {
            return Ok(None);
        };
        let before = freezer.memory_bytes()?;
        if before > room || !self.begin_to_push(freezer)? {
            return Ok(None);
        }
        let pushed = freezer.push_out().and_then(|()| freezer.memory_bytes());
        let after = *pushed.as_ref().unwrap_or(&before);
        self.end_to_push(freezer, after < before / 2);
        pushed.map(|after| Some(PushedOut { before, after }))
    }

    fn begin_to_push(&self, freezer: &Freezer) -> io::Result<bool> {
        let mut state = self.lock();
        let Some(frozen) = state.frozen.as_mut() else {
            return Ok(false);
        };
        frozen.pages = Pages::Leaving;
        freezer.open_swap()?;
        Ok(true)
    }

    fn end_to_push(&self, freezer: &Freezer, most_left: bool) {
        let mut state = self.lock();
        let frozen = state.frozen.as_mut();
        if let Some(frozen) = frozen.filter(|frozen| frozen.pages == Pages::Leaving) {
            frozen.pages.stay(freezer);
            frozen.pages = match most_left {
                true => Pages::Out,
                false => Pages::Staying,
            };
        }
    }
}
