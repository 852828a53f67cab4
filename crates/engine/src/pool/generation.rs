//! The environments of one generation of one version of a function, and the invocations that wait for one.
//!
//! ```text
//! place ──▶ idle environment, newest first
//!   ├─────▶ waiting ──▶ the first environment that becomes ready: one that ends an invoke, or one that is made
//!   │                   where that would take longer than to make it (`queue`)
//!   └─────▶ throttled, if the machine has no room for one more, not even where others rest, and none that runs
//!           is free in a moment
//! ```
//!
//! Refuses: what an environment does with an invocation. Its lock is the function's own.

use super::queue::Queue;
use super::{Pools, watch};
use crate::environment::{Host, Slot, boot, cpu_millicores};
use crate::invocation::Invocation;
use crate::invoke::{Error, ThrottleReason};
use crate::memory::{Booking, Room};
use crate::start::{Clock, FunctionStarts};
use bytes::Bytes;
use lambkin_model::{Function, Qualifier, Start};
use lambkin_sandbox::Usage;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
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
    /// The most memory that an environment of it has used by the end of an invoke; 0 before the first.
    peak_bytes: AtomicU64,
    queue: Mutex<Queue>,
}

impl Generation {
    pub(super) fn new(
        function: Arc<Function>,
        host: Arc<Host>,
        pools: Weak<Pools>,
        starts: Arc<FunctionStarts>,
    ) -> Self {
        let arn = Bytes::from(function.arn());
        let version_arn = Bytes::from(function.version_arn());
        let queue = Mutex::new(Queue::new(
            host.launches.processors(),
            host.launches.at_once(),
            cpu_millicores(function.settings.memory_mb) as usize,
        ));
        Self {
            function,
            arn,
            version_arn,
            host,
            starts,
            pools,
            peak_bytes: AtomicU64::new(0),
            queue,
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

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    // ---- the invoke path ----

    /// Finds an environment, or has one made if the machine has room for it.
    pub(crate) fn place(self: &Arc<Self>, invocation: Invocation) {
        let mut queue = self.lock();
        if let Some(slot) = queue.take_idle() {
            drop(queue);
            return slot.begin(invocation);
        }
        let now = invocation.queued;
        queue.wait(invocation);
        self.advance(queue, now);
    }

    /// Does what is due for those that wait, and has somebody look after the others.
    fn advance(self: &Arc<Self>, mut queue: MutexGuard<'_, Queue>, now: Instant) {
        let due = queue.due(now);
        let watch = queue.begin_watch();
        drop(queue);
        if watch {
            tokio::spawn(watch::over(Arc::clone(self)));
        }
        for (slot, invocation) in due.served {
            slot.begin(invocation);
        }
        for launched in 0..due.launches {
            match self.find_room() {
                Room::Booked(booking) => self.launch(due.asked, booking),
                // They are looked after.
                Room::Soon => return self.lock().give_back(due.launches - launched),
                Room::After(_) => return self.refuse(due.launches - launched, now),
            }
        }
    }

    /// Has an environment made that is in the books already.
    fn launch(self: &Arc<Self>, asked: Instant, booking: Booking) {
        let clock = Clock::begin(Start::Cold, asked);
        let host = Arc::clone(&self.host);
        let life = boot(host, Arc::clone(self), clock, booking);
        self.host.owners.spawn(life);
    }

    /// There is no room for so many: those for whom none of the others is free in a moment cannot be served.
    fn refuse(&self, launches: usize, now: Instant) {
        let mut queue = self.lock();
        queue.give_back(launches);
        let refused = queue.take_refused(now);
        self.forget_if_empty(queue);
        let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
        for invocation in refused {
            invocation.end(Err(Error::Throttled(reason)));
        }
    }

    /// Room for one more environment, if need be at the cost of what rests.
    fn find_room(&self) -> Room {
        let expected = self.expected_bytes();
        let room = self.host.book(self.memory_bytes(), expected);
        let Room::After(count) = room else {
            return room;
        };
        let pools = self.pools.upgrade();
        let made = pools.and_then(|pools| pools.make_room(count, expected));
        made.map_or(room, Room::Booked)
    }

    // ---- those that wait ----

    /// Does what has become due. When to look again, if anybody waits still.
    pub(super) fn look(self: &Arc<Self>) -> Option<Instant> {
        let now = Instant::now();
        self.advance(self.lock(), now);
        self.lock().next_look(now)
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        self.lock().next_look(Instant::now())
    }

    /// The server ends: nobody will serve them.
    pub(super) fn give_up(&self) {
        let waiting = self.lock().take_all();
        for invocation in waiting {
            invocation.end(Err(Error::Internal("the server is stopping".to_owned())));
        }
    }

    // ---- the environments' side ----

    /// An environment's first INIT is over, well or not, after so long a turn: it is ready for an invocation.
    pub(crate) fn booted(&self, slot: &Arc<Slot>, took: Duration) {
        let mut queue = self.lock();
        queue.booting -= 1;
        queue.started(took);
        Self::hand_on(slot, queue, Instant::now());
    }

    /// An environment has had its turn to start: another one may have it.
    pub(super) fn launched(self: &Arc<Self>) {
        let mut queue = self.lock();
        queue.launching -= 1;
        self.advance(queue, Instant::now());
    }

    /// Whether an environment that has waited for its turn is still wanted; if not, it never was.
    pub(super) fn still_needs_one(&self) -> bool {
        let mut queue = self.lock();
        let needed = queue.wants_those_that_start(Instant::now());
        if !needed {
            queue.booting -= 1;
            queue.launching -= 1;
        }
        needed
    }

    /// Environments that rest, each with the time since when.
    pub(super) fn resting(self: &Arc<Self>) -> Vec<(Instant, Arc<Self>, Arc<Slot>)> {
        let queue = self.lock();
        let idle = queue.resting().iter();
        idle.map(|slot| (slot.idle_since(), Arc::clone(self), Arc::clone(slot)))
            .collect()
    }

    /// An environment has ended an invoke that it got then, and is ready for another. What the invoke used of
    /// the processors, if that is known and no start was part of it.
    pub(crate) fn release(&self, slot: &Arc<Slot>, begun: Instant, computed: Option<Duration>) {
        let now = Instant::now();
        let mut queue = self.lock();
        queue.freed(begun, now, computed);
        Self::hand_on(slot, queue, now);
    }

    /// An environment that had given an invocation back is ready for another.
    pub(crate) fn back(&self, slot: &Arc<Slot>) {
        Self::hand_on(slot, self.lock(), Instant::now());
    }

    /// An environment has ended with an invoke that it got then.
    pub(crate) fn broke(self: &Arc<Self>, begun: Instant) {
        let mut queue = self.lock();
        queue.broke(begun);
        self.advance(queue, Instant::now());
    }

    /// Gives an environment an invocation that waits, or lets it rest.
    fn hand_on(slot: &Arc<Slot>, mut queue: MutexGuard<'_, Queue>, now: Instant) {
        if let Some(invocation) = queue.next(now) {
            drop(queue);
            slot.begin(invocation);
        } else if queue.retired {
            drop(queue);
            slot.close();
        } else {
            queue.rest(slot);
        }
    }

    /// An environment ended before the end of its INIT. An invocation for which no other is on its way shares
    /// its fate, and counts as its own until that is told.
    pub(crate) fn boot_failed(self: &Arc<Self>) -> Option<Invocation> {
        let now = Instant::now();
        let mut queue = self.lock();
        let invocation = queue.boot_failed(now);
        self.advance(queue, now);
        invocation
    }

    /// Takes an idle environment out, so that nobody else gets it; false if somebody just did.
    pub(crate) fn withdraw(&self, slot: &Arc<Slot>) -> bool {
        self.lock().withdraw(slot)
    }

    /// An environment ended under an invocation that it had not begun, or works on and does not begin it: the next one
    /// gets it.
    pub(crate) fn requeue(self: &Arc<Self>, invocation: Invocation) {
        let mut queue = self.lock();
        queue.wait_again(invocation);
        self.advance(queue, Instant::now());
    }

    /// An environment is gone.
    pub(crate) fn ended(&self) {
        let mut queue = self.lock();
        queue.environments -= 1;
        self.forget_if_empty(queue);
    }

    fn forget_if_empty(&self, queue: MutexGuard<'_, Queue>) {
        let empty = queue.is_empty();
        drop(queue);
        if let Some(pools) = self.pools.upgrade().filter(|_| empty) {
            pools.forget(self);
        }
    }

    // ---- the end ----

    /// No environment rests any more: idle ones end now, busy ones after their invoke.
    pub(super) fn retire(&self) {
        let idle = self.lock().retire();
        for slot in idle {
            slot.close();
        }
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.lock().retired
    }

    pub(super) fn retire_if_empty(&self) -> bool {
        let mut queue = self.lock();
        let empty = queue.is_empty();
        queue.retired |= empty;
        empty
    }

    /// What an environment of it has used.
    pub(crate) fn used(&self, usage: Option<Usage>) {
        let peak = usage.map_or(0, |usage| usage.memory_peak_bytes);
        if peak > self.peak_bytes.load(Ordering::Relaxed) {
            self.peak_bytes.fetch_max(peak, Ordering::Relaxed);
        }
    }

    /// What one more is expected to use: as much as others have; all that it may, as long as that is not known.
    fn expected_bytes(&self) -> u64 {
        match self.peak_bytes.load(Ordering::Relaxed) {
            0 => self.memory_bytes(),
            peak => peak.min(self.memory_bytes()),
        }
    }

    fn memory_bytes(&self) -> u64 {
        u64::from(self.function.settings.memory_mb) << 20
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
