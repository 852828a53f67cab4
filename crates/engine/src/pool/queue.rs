//! Who waits for an environment of a generation, which of them rest, and what is to be done about it.
//!
//! An invocation waits for an environment that runs where that is the shorter way: where its turn comes before a new
//! one would be there, and for a function that only computes for a moment even where older ones rest, as they would
//! only take turns on the processors. It never waits for long: after the time of a start it gets one of its own.
//!
//! Refuses: locks, starts, and what an environment does with an invocation.

use super::pace::{Pace, WITHOUT_ROOM};
use crate::environment::Slot;
use crate::invocation::Invocation;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a generation knows of its environments and its callers.
pub(super) struct Queue {
    processors: usize,
    /// Environments that keep these busy, though each waits now and then: as many as may start at a time.
    few: usize,
    /// The one that became idle last is at the end.
    idle: Vec<Arc<Slot>>,
    /// Environments that have an invocation.
    busy: usize,
    /// Bounded by the account's concurrency.
    waiting: VecDeque<Invocation>,
    /// Environments before the end of their INIT.
    pub(super) booting: usize,
    /// Of them, those that have a turn to start, or wait for one.
    pub(super) launching: usize,
    /// All that are not gone yet.
    pub(super) environments: usize,
    pub(super) retired: bool,
    /// Somebody looks after those that wait.
    watched: bool,
    pace: Pace,
}

/// What is to be done for those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The first one gets an environment that rests.
    Serve,
    /// One more environment is to be made.
    Launch,
    /// Nothing now.
    Wait,
}

impl Queue {
    pub(super) fn new(processors: usize, few: usize) -> Self {
        Self {
            processors,
            few,
            idle: Vec::new(),
            busy: 0,
            waiting: VecDeque::new(),
            booting: 0,
            launching: 0,
            environments: 0,
            retired: false,
            watched: false,
            pace: Pace::default(),
        }
    }

    // ---- invocations ----

    /// An environment for an invocation that finds no queue.
    pub(super) fn take_idle(&mut self) -> Option<Arc<Slot>> {
        if !self.waiting.is_empty() || self.suffice(1) {
            return None;
        }
        let slot = self.idle.pop()?;
        self.busy += 1;
        Some(slot)
    }

    pub(super) fn wait(&mut self, invocation: Invocation) {
        self.waiting.push_back(invocation);
    }

    /// One that its environment never began comes before all others.
    pub(super) fn wait_again(&mut self, invocation: Invocation) {
        self.busy = self.busy.saturating_sub(1);
        self.waiting.push_front(invocation);
    }

    /// What to do now. To be asked again after a start, an end, and when the first one is due.
    pub(super) fn step(&self, now: Instant) -> Step {
        let late = self.late(now);
        if late == 0 && self.suffice(self.waiting.len()) {
            return Step::Wait;
        }
        if !self.idle.is_empty() && !self.waiting.is_empty() {
            return Step::Serve;
        }
        match self.wanting(late) > self.booting && self.launching < self.few {
            true => Step::Launch,
            false => Step::Wait,
        }
    }

    /// The first that waits, and the environment for it.
    pub(super) fn serve(&mut self) -> Option<(Arc<Slot>, Invocation)> {
        let invocation = self.waiting.pop_front()?;
        let Some(slot) = self.idle.pop() else {
            self.waiting.push_front(invocation);
            return None;
        };
        self.busy += 1;
        Some((slot, invocation))
    }

    /// One more environment is on its way. Since when it is wanted.
    pub(super) fn launch(&mut self) -> Option<Instant> {
        self.booting += 1;
        self.launching += 1;
        self.environments += 1;
        self.waiting.back().map(|last| last.begun)
    }

    /// Whether an environment that waits for its turn to start is still wanted.
    pub(super) fn wants_those_that_start(&self, now: Instant) -> bool {
        self.wanting(self.late(now)) >= self.booting
    }

    /// An environment failed to start. It is the fate of an invocation for which no other one is on its way.
    pub(super) fn boot_failed(&mut self, now: Instant) -> Option<Invocation> {
        self.booting -= 1;
        let wanted = self.wanting(self.late(now)) > self.booting;
        let invocation = wanted.then(|| self.waiting.pop_front()).flatten();
        self.busy += usize::from(invocation.is_some());
        invocation
    }

    /// Those that have waited for too long where no environment can be made. All for which none is on its way, if not
    /// even one of them can expect one that runs.
    pub(super) fn take_refused(&mut self, now: Instant) -> VecDeque<Invocation> {
        let kept = self.booting.min(self.waiting.len());
        if self.pace.served_without_room(self.busy) == 0 {
            return self.waiting.split_off(kept);
        }
        let given_up = |one: &Invocation| now.saturating_duration_since(one.begun) >= WITHOUT_ROOM;
        let count = self.waiting.partition_point(given_up);
        let last = count.min(self.waiting.len() - kept);
        self.waiting.drain(..last).collect()
    }

    pub(super) fn take_all(&mut self) -> VecDeque<Invocation> {
        std::mem::take(&mut self.waiting)
    }

    // ---- who looks after them ----

    /// Whether somebody has to begin to look after those that wait.
    pub(super) fn begin_watch(&mut self) -> bool {
        !self.waiting.is_empty() && !std::mem::replace(&mut self.watched, true)
    }

    /// When to look again; never, if nobody waits.
    pub(super) fn next_look(&mut self, now: Instant) -> Option<Instant> {
        let patience = self.pace.patience();
        let due = self.waiting.front().map(|first| first.begun + patience);
        self.watched = due.is_some();
        due.map(|due| if due > now { due } else { now + patience })
    }

    // ---- environments ----

    /// One took that long to start.
    pub(super) fn started(&mut self, took: Duration) {
        self.pace.started(took);
    }

    /// One has ended an invoke: it had it for so long, and used so much CPU time, if that is known.
    pub(super) fn freed(&mut self, held: Duration, computed: Option<Duration>) {
        self.pace.held(held, computed);
        self.busy = self.busy.saturating_sub(1);
    }

    /// One has ended with its invoke.
    pub(super) fn broke(&mut self) {
        self.busy = self.busy.saturating_sub(1);
    }

    /// The next invocation for an environment that is free, unless others do as well without it.
    pub(super) fn next(&mut self) -> Option<Invocation> {
        if !self.retired && self.suffice(self.waiting.len()) {
            return None;
        }
        let invocation = self.waiting.pop_front()?;
        self.busy += 1;
        Some(invocation)
    }

    pub(super) fn rest(&mut self, slot: &Arc<Slot>) {
        slot.rest();
        self.idle.push(Arc::clone(slot));
    }

    pub(super) fn resting(&self) -> &[Arc<Slot>] {
        &self.idle
    }

    /// Whether it was there.
    pub(super) fn withdraw(&mut self, slot: &Arc<Slot>) -> bool {
        let before = self.idle.len();
        self.idle.retain(|idle| !Arc::ptr_eq(idle, slot));
        self.idle.len() < before
    }

    /// No environment rests any more. Those that did.
    pub(super) fn retire(&mut self) -> Vec<Arc<Slot>> {
        self.retired = true;
        std::mem::take(&mut self.idle)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.environments == 0 && self.waiting.is_empty()
    }

    // ---- the arithmetic ----

    /// Those that want an environment of their own.
    fn wanting(&self, late: usize) -> usize {
        let served = self.pace.soon_served(self.busy);
        late.max(self.waiting.len().saturating_sub(served))
    }

    /// Those that have waited for long enough.
    fn late(&self, now: Instant) -> usize {
        let patience = self.pace.patience();
        self.waiting
            .partition_point(|one| now.saturating_duration_since(one.begun) >= patience)
    }

    /// Whether those that are busy go through such a queue faster than with the help of others that rest.
    fn suffice(&self, waiting: usize) -> bool {
        self.busy >= self.few
            && self.pace.computes_for_moments(self.busy, self.processors)
            && waiting <= self.pace.soon_served(self.busy)
    }
}

#[cfg(test)]
mod tests;
