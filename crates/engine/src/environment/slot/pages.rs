//! Where the pages of an environment are that stands still, and how they leave memory.
//!
//! ```text
//! InMemory ── frozen for long, memory short ──▶ Leaving ── all that will go has gone ──▶ Out, or Staying
//!     ▲                                           │                                     │
//!     └────────────── thawed: swap is closed, and pages come back as they are touched ──┘
//! ```
//! Once for each time that it is frozen, and not when it has been closed: that closes swap, too, since the kernel
//! removes no group while a push is on its way in it. The slot's lock is held for two small writes and not while pages
//! leave, so that an invocation which comes meanwhile waits for none of them.

use super::{Frozen, Slot, State};
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
    /// Most would not leave, or may not.
    Staying,
}

impl Pages {
    /// Nothing leaves any more.
    fn stay(&mut self, freezer: &Freezer) {
        if *self != Self::Leaving {
            return;
        }
        *self = Self::Staying;
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

impl State {
    /// If it will be used again, and has stood still for long enough with its pages in memory.
    fn may_leave(&mut self) -> Option<&mut Frozen> {
        let frozen = self.frozen.as_mut().filter(|_| !self.closed)?;
        let may = frozen.pages == Pages::InMemory && frozen.since.elapsed() >= FROZEN_FOR;
        may.then_some(frozen)
    }
}

impl Slot {
    /// Whether its pages may leave now.
    pub(crate) fn may_be_pushed_out(&self) -> bool {
        self.lock().may_leave().is_some()
    }

    /// It goes on, or ends: nothing leaves any more.
    pub(super) fn stay(&self, state: &mut State) {
        if let (Some(frozen), Some(freezer)) = (state.frozen.as_mut(), &self.freezer) {
            frozen.pages.stay(freezer);
        }
    }

    /// Whether its end would give back less than that of others.
    pub(crate) fn is_pushed_out(&self) -> bool {
        let frozen = self.lock().frozen;
        frozen.is_some_and(|frozen| frozen.pages == Pages::Out)
    }

    /// Sends its pages to swap, if they may and are no more than `room` bytes; blocks until they are there, or
    /// an invocation has come, or its end.
    pub(crate) fn push_out(&self, room: u64) -> io::Result<Option<PushedOut>> {
        match self.push_pages(room) {
            // Its group may be gone.
            Err(_) if self.lock().closed => Ok(None),
            pushed => pushed,
        }
    }

    fn push_pages(&self, room: u64) -> io::Result<Option<PushedOut>> {
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
        // It may have gone on since that was asked, and stand still again.
        let Some(frozen) = state.may_leave() else {
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

#[cfg(test)]
mod tests;
