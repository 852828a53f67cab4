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
    /// Environments that may start at a time.
    at_once: usize,
    /// Environments that keep the processors busy, though each waits now and then, or has but a share of one.
    few: usize,
    /// The one that became idle last is at the end.
    idle: Vec<Arc<Slot>>,
    /// Environments that have an invocation.
    busy: usize,
    /// Of them, those of which nothing more is expected.
    stalled: usize,
    /// When these were written off.
    written_off: Instant,
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

/// All that is to be done for those that wait; in the books it is done.
#[derive(Debug)]
pub(super) struct Due {
    /// Environments that rested, and for whom.
    pub(super) served: Vec<(Arc<Slot>, Invocation)>,
    /// Environments that are to be made.
    pub(super) launches: usize,
    /// Since when these are wanted.
    pub(super) asked: Instant,
}

/// A part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The first one gets an environment that rests.
    Serve,
    /// One more environment is to be made.
    Launch,
    /// Nothing now.
    Wait,
}

impl Queue {
    /// Each environment has so many thousandths of a processor.
    pub(super) fn new(processors: usize, at_once: usize, millicores: usize) -> Self {
        Self {
            processors,
            at_once,
            few: at_once.max((at_once * 1_000).div_ceil(millicores)),
            idle: Vec::new(),
            busy: 0,
            stalled: 0,
            written_off: Instant::now(),
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

    /// One that its environment never began comes before all that came later.
    pub(super) fn wait_again(&mut self, invocation: Invocation) {
        self.left(invocation.begun);
        let earlier = |one: &Invocation| one.queued <= invocation.queued;
        let place = self.waiting.partition_point(earlier);
        self.waiting.insert(place, invocation);
    }

    /// All that is to be done now. To be asked again after a start, an end, and when the first one is due.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let mut due = Due {
            served: Vec::new(),
            launches: 0,
            asked: self.waiting.back().map_or(now, |last| last.queued),
        };
        loop {
            match self.step(now) {
                Step::Serve => due.served.extend(self.serve()),
                Step::Launch => {
                    self.launch();
                    due.launches += 1;
                }
                Step::Wait => return due,
            }
        }
    }

    fn step(&mut self, now: Instant) -> Step {
        let late = self.late(now);
        if late > 0 && self.waiting.len() <= self.soon_served() {
            self.write_off(now);
        }
        if late == 0 && self.suffice(self.waiting.len()) {
            return Step::Wait;
        }
        if !self.idle.is_empty() && !self.waiting.is_empty() {
            return Step::Serve;
        }
        match self.wanting(late) > self.booting && self.launching < self.at_once {
            true => Step::Launch,
            false => Step::Wait,
        }
    }

    /// The first that waits, and the environment for it.
    fn serve(&mut self) -> Option<(Arc<Slot>, Invocation)> {
        let invocation = self.waiting.pop_front()?;
        let Some(slot) = self.idle.pop() else {
            self.waiting.push_front(invocation);
            return None;
        };
        self.busy += 1;
        Some((slot, invocation))
    }

    /// One more environment is on its way.
    fn launch(&mut self) {
        self.booting += 1;
        self.launching += 1;
        self.environments += 1;
    }

    /// So many that were to be made are not: there is no room for them.
    pub(super) fn give_back(&mut self, launches: usize) {
        self.booting -= launches;
        self.launching -= launches;
        self.environments -= launches;
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
        let given_up = |one: &Invocation| now.saturating_duration_since(one.queued) >= WITHOUT_ROOM;
        let count = self.waiting.partition_point(given_up);
        let last = count.min(self.waiting.len() - kept);
        self.waiting.drain(..last).collect()
    }

    pub(super) fn take_all(&mut self) -> VecDeque<Invocation> {
        self.watched = false;
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
        let due = self.waiting.front().map(|first| first.queued + patience);
        self.watched = due.is_some();
        due.map(|due| if due > now { due } else { now + patience })
    }

    // ---- environments ----

    /// One took that long to start.
    pub(super) fn started(&mut self, took: Duration) {
        self.pace.started(took);
    }

    /// One has ended an invoke that it got then, and used so much CPU time, if that is known.
    pub(super) fn freed(&mut self, begun: Instant, now: Instant, computed: Option<Duration>) {
        self.pace
            .held(now.saturating_duration_since(begun), computed);
        self.left(begun);
    }

    /// One has ended with an invoke that it got then.
    pub(super) fn broke(&mut self, begun: Instant) {
        self.left(begun);
    }

    /// One has lost an invoke that it got then.
    fn left(&mut self, begun: Instant) {
        self.busy = self.busy.saturating_sub(1);
        let stalled = self.stalled > 0 && begun <= self.written_off;
        self.stalled = (self.stalled - usize::from(stalled)).min(self.busy);
    }

    /// All that wait were to be served by now: whatever is busy may hang, until it proves that it does not.
    fn write_off(&mut self, now: Instant) {
        self.stalled = self.busy;
        self.written_off = now;
    }

    /// The next invocation for an environment that is free, unless others do as well without it.
    pub(super) fn next(&mut self, now: Instant) -> Option<Invocation> {
        if !self.retired && self.late(now) == 0 && self.suffice(self.waiting.len()) {
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
        late.max(self.waiting.len().saturating_sub(self.soon_served()))
    }

    /// Those that have waited for long enough.
    fn late(&self, now: Instant) -> usize {
        let patience = self.pace.patience();
        self.waiting
            .partition_point(|one| now.saturating_duration_since(one.queued) >= patience)
    }

    /// Whether those that are busy go through such a queue faster than with the help of others that rest.
    fn suffice(&self, waiting: usize) -> bool {
        self.at_work() >= self.few
            && self
                .pace
                .computes_for_moments(self.at_work(), self.processors)
            && waiting <= self.soon_served()
    }

    /// How many of a queue get an environment that is busy before one would have started.
    fn soon_served(&self) -> usize {
        self.pace.soon_served(self.at_work())
    }

    /// Environments that are expected to be free in their time.
    fn at_work(&self) -> usize {
        self.busy - self.stalled
    }
}

#[cfg(test)]
mod tests;
