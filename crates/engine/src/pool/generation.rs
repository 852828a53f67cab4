//! The environments of one generation of one version of a function, and the invocations that wait for one.
//!
//! ```text
//! place ──▶ idle environment, newest first
//!   ├─────▶ waiting ──▶ the first environment that becomes ready: one that is made for it, or one that
//!   │                   ends an invoke before that
//!   └─────▶ throttled, if the machine has no room for one more, not even where others rest
//! ```
//!
//! Refuses: what an environment does with an invocation. Its lock is the function's own.

use super::Pools;
use crate::environment::{Host, Slot, boot};
use crate::invocation::Invocation;
use crate::invoke::{Error, ThrottleReason};
use crate::start::{Clock, FunctionStarts};
use bytes::Bytes;
use lambkin_model::{Function, Qualifier, Start};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::time::Instant;

/// One generation: any change that invokes can notice makes a new one.
pub(crate) struct Generation {
    function: Arc<Function>,
    arn: Bytes,
    /// With the version.
    version_arn: Bytes,
    host: Arc<Host>,
    starts: Arc<FunctionStarts>,
    pools: Weak<Pools>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one that became idle last is at the end.
    idle: Vec<Arc<Slot>>,
    /// Bounded by the account's concurrency.
    waiting: VecDeque<Invocation>,
    /// Environments before the end of their INIT.
    booting: usize,
    /// Of them, those that have a turn to start, or wait for one.
    launching: usize,
    environments: usize,
    retired: bool,
}

impl Generation {
    pub(super) fn new(function: Arc<Function>, host: Arc<Host>, pools: Weak<Pools>) -> Self {
        let arn = Bytes::from(function.arn());
        let version_arn = Bytes::from(function.version_arn());
        let starts = host.starts.of(&function);
        Self {
            function,
            arn,
            version_arn,
            host,
            starts,
            pools,
            state: Mutex::default(),
        }
    }

    /// Whether it is the pool of exactly this configuration.
    pub(super) fn is_of(&self, function: &Arc<Function>) -> bool {
        Arc::ptr_eq(&self.function, function)
    }

    /// What its environments run.
    pub(crate) fn function(&self) -> &Arc<Function> {
        &self.function
    }

    /// The function's ARN as a caller qualified it.
    pub(crate) fn invoked_arn(&self, qualifier: Option<&Qualifier>) -> Bytes {
        match qualifier {
            None => self.arn.clone(),
            Some(_) => self.version_arn.clone(),
        }
    }

    /// Where starts are kept, for whoever asks where their time went.
    pub(crate) fn starts(&self) -> &Arc<FunctionStarts> {
        &self.starts
    }

    // ---- the invoke path ----

    /// Finds an environment, or has one made if the machine has room for it.
    pub(crate) fn place(self: &Arc<Self>, invocation: Invocation) {
        let mut state = self.lock();
        if let Some(slot) = state.idle.pop() {
            drop(state);
            return slot.begin(invocation);
        }
        if state.booting <= state.waiting.len() && state.launching < self.host.launches.at_once() {
            drop(state);
            if !self.find_room() {
                return throttle(invocation);
            }
            state = self.lock();
            if let Some(slot) = state.idle.pop() {
                drop(state);
                return slot.begin(invocation);
            }
        }
        state.waiting.push_back(invocation);
        self.boot_if_short(state);
    }

    /// Whether the machine has room for one more environment, or can have it at the cost of what rests.
    fn find_room(&self) -> bool {
        let short_of = self.host.short_of(self.memory_bytes());
        short_of == 0
            || self
                .pools
                .upgrade()
                .is_some_and(|pools| pools.make_room(short_of))
    }

    // ---- the environments' side ----

    /// An environment's first INIT is over, well or not: it is ready for an invocation.
    pub(crate) fn booted(&self, slot: &Arc<Slot>) {
        self.lock().booting -= 1;
        self.release(slot);
    }

    /// An environment has had its turn to start: another one may have it.
    pub(super) fn launched(self: &Arc<Self>) {
        let mut state = self.lock();
        state.launching -= 1;
        let surplus = state.waiting.len() > state.booting;
        drop(state);
        if surplus && !self.find_room() {
            let mut state = self.lock();
            let served = state.booting.min(state.waiting.len());
            let late = state.waiting.split_off(served);
            drop(state);
            return late.into_iter().for_each(throttle);
        }
        self.boot_if_short(self.lock());
    }

    /// Whether an environment that has waited for its turn is still wanted; if not, it never was.
    pub(super) fn still_needs_one(&self) -> bool {
        let mut state = self.lock();
        let needed = state.waiting.len() >= state.booting;
        if !needed {
            state.booting -= 1;
            state.launching -= 1;
        }
        needed
    }

    /// Environments that rest, each with the time since when.
    pub(super) fn resting(self: &Arc<Self>) -> Vec<(Instant, Arc<Self>, Arc<Slot>)> {
        let state = self.lock();
        let idle = state.idle.iter();
        idle.map(|slot| (slot.idle_since(), Arc::clone(self), Arc::clone(slot)))
            .collect()
    }

    /// An environment is ready for another invocation: gives it one that waits, or lets it rest.
    pub(crate) fn release(&self, slot: &Arc<Slot>) {
        let mut state = self.lock();
        if let Some(invocation) = state.waiting.pop_front() {
            drop(state);
            slot.begin(invocation);
        } else if state.retired {
            drop(state);
            slot.close();
        } else {
            slot.rest();
            state.idle.push(Arc::clone(slot));
        }
    }

    /// An environment ended before the end of its INIT. An invocation for which no other is on its way shares
    /// its fate.
    pub(crate) fn boot_failed(&self) -> Option<Invocation> {
        let mut state = self.lock();
        state.booting -= 1;
        if state.waiting.len() > state.booting {
            state.waiting.pop_front()
        } else {
            None
        }
    }

    /// Takes an idle environment out, so that nobody else gets it; false if somebody just did.
    pub(crate) fn withdraw(&self, slot: &Arc<Slot>) -> bool {
        let mut state = self.lock();
        let before = state.idle.len();
        state.idle.retain(|idle| !Arc::ptr_eq(idle, slot));
        state.idle.len() < before
    }

    /// An environment ended under an invocation that it had not begun: the next one gets it.
    pub(crate) fn requeue(self: &Arc<Self>, invocation: Invocation) {
        let mut state = self.lock();
        state.waiting.push_front(invocation);
        self.boot_if_short(state);
    }

    /// An environment is gone.
    pub(crate) fn ended(&self) {
        let mut state = self.lock();
        state.environments -= 1;
        let empty = state.environments == 0;
        drop(state);
        if let Some(pools) = self.pools.upgrade().filter(|_| empty) {
            pools.forget(self);
        }
    }

    // ---- the end ----

    /// No environment rests any more: idle ones end now, busy ones after their invoke.
    pub(super) fn retire(&self) {
        let mut state = self.lock();
        state.retired = true;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        for slot in idle {
            slot.close();
        }
    }

    pub(super) fn retire_if_empty(&self) -> bool {
        let mut state = self.lock();
        let empty = state.environments == 0 && state.waiting.is_empty();
        state.retired |= empty;
        empty
    }

    /// Makes an environment unless enough are on their way, or as many as may start at one time.
    fn boot_if_short(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let enough = state.booting >= state.waiting.len();
        if enough || state.launching >= self.host.launches.at_once() {
            return;
        }
        state.booting += 1;
        state.launching += 1;
        state.environments += 1;
        let asked = state.waiting.back().map(|invocation| invocation.begun);
        drop(state);
        let clock = Clock::begin(Start::Cold, asked.unwrap_or_else(Instant::now));
        let host = Arc::clone(&self.host);
        self.host.owners.spawn(boot(host, Arc::clone(self), clock));
    }

    fn memory_bytes(&self) -> u64 {
        u64::from(self.function.settings.memory_mb) << 20
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn throttle(invocation: Invocation) {
    let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
    invocation.end(Err(Error::Throttled(reason)));
}
