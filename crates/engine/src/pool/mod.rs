//! The environments of every version of every function.
//!
//! Owns: which generation of a function gets new invocations, and that nothing of a function stays behind,
//! and what rests where memory is short.
//! Refuses: placing (`generation`), the life of one environment (`environment`).

mod generation;
mod launches;
mod pace;
mod queue;
mod relief;
mod watch;

pub(crate) use generation::Generation;
pub(crate) use launches::{Launches, Turn};
pub(crate) use relief::relieve;

use crate::compiled;
use crate::environment::{Host, Slot};
use crate::memory::Booking;
use crate::reserve::Recipe;
use crate::start::FunctionStarts;
use crate::templates::Templates;
use lambkin_model::{Function, FunctionName, Version};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

/// One for each version that has environments.
type Generations = HashMap<FunctionName, BTreeMap<Version, Arc<Generation>>>;

/// All pools. Written only when a function gets its first environment, changes, or falls out of use: the
/// invoke path reads.
pub(crate) struct Pools {
    host: Arc<Host>,
    generations: RwLock<Generations>,
}

impl Pools {
    /// None yet.
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Self {
            host,
            generations: RwLock::default(),
        }
    }

    /// The pool of exactly this generation, if there is one.
    pub(crate) fn find(&self, function: &Arc<Function>) -> Option<Arc<Generation>> {
        let generations = self.read();
        let found = generations.get(&function.name)?.get(&function.version)?;
        found.is_of(function).then(|| Arc::clone(found))
    }

    /// Ends so many of what only waits: sandboxes of no function first, then the environments that have rested
    /// longest, whosever they are; where memory is what is wanted, those whose pages are out come last. Ends none if
    /// that is not enough; else the room is kept for what is expected to use so much.
    pub(crate) fn make_room(&self, count: usize, expected_bytes: u64) -> Option<Booking> {
        let of_nobody = self.host.reserve.len();
        let mut resting = Vec::new();
        if of_nobody < count {
            resting = self.resting();
            if !self.host.is_full() {
                resting.sort_by_cached_key(|(_, _, slot)| slot.is_pushed_out());
            }
        }
        if of_nobody + resting.len() < count {
            return None;
        }
        self.host.reserve.give_up(count);
        let booking = self.host.memory.book_in_place(count, expected_bytes);
        let more = count.saturating_sub(of_nobody);
        for (_, generation, slot) in resting.into_iter().take(more) {
            // Somebody may have taken it just now.
            if generation.withdraw(&slot) {
                slot.close();
            }
        }
        Some(booking)
    }

    /// All environments that rest, with the time since when, the longest first.
    fn resting(&self) -> Vec<(Instant, Arc<Generation>, Arc<Slot>)> {
        let mut resting = Vec::new();
        for generation in self.read().values().flat_map(BTreeMap::values) {
            resting.extend(generation.resting());
        }
        resting.sort_unstable_by_key(|(since, ..)| *since);
        resting
    }

    fn read(&self) -> RwLockReadGuard<'_, Generations> {
        self.generations
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Generations> {
        self.generations
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a pool for this generation and retires the one before. Deleted or changed meanwhile it takes nobody's
    /// place, and what serves its invokes does not stay.
    pub(crate) fn open(
        self: &Arc<Self>,
        function: &Arc<Function>,
        is_live: impl FnOnce() -> bool,
    ) -> Arc<Generation> {
        let mut generations = self.write();
        let found = generations.get(&function.name);
        let found = found.and_then(|versions| versions.get(&function.version));
        if let Some(found) = found.filter(|found| found.is_of(function)) {
            return Arc::clone(found);
        }
        // Under the lock: who changes the function retires after that what is found here.
        if !is_live() {
            let passing = self.generation(function, Arc::default());
            passing.retire();
            return passing;
        }
        let new = self.generation(function, self.host.starts.of(function));
        let versions = generations.entry(function.name.clone()).or_default();
        let old = versions.insert(function.version, Arc::clone(&new));
        drop(generations);
        if let Some(old) = old {
            old.retire();
        }
        new
    }

    fn generation(
        self: &Arc<Self>,
        function: &Arc<Function>,
        starts: Arc<FunctionStarts>,
    ) -> Arc<Generation> {
        let (host, pools) = (Arc::clone(&self.host), Arc::downgrade(self));
        Arc::new(Generation::new(Arc::clone(function), host, pools, starts))
    }

    /// Has sandboxes for a function's environments made ahead, if its runtime is there.
    pub(crate) fn foresee(&self, function: &Function) {
        let settings = &function.settings;
        let runtimes = &self.host.runtimes;
        match runtimes.launch(settings.runtime, settings.memory_mb) {
            Ok(launch) => {
                let recipe = Arc::new(Recipe::new(&launch, settings));
                self.host.reserve.serve(&function.name, &recipe);
            }
            Err(_) => self.host.reserve.forget(&function.name),
        }
    }

    /// Has a version's code compiled, and its program loaded once, so that its environments are clones, if it wants that.
    pub(crate) fn prepare(&self, version: &Arc<Function>) {
        compiled::foresee(&self.host, version);
        let _ = Templates::of(&self.host, version, || true);
    }

    /// No environment of a function is needed any more, of none of its versions.
    pub(crate) fn dismiss(&self, name: &FunctionName) {
        self.host.reserve.forget(name);
        let old = self.write().remove(name);
        self.host.starts.forget_all(name);
        for old in old.into_iter().flat_map(BTreeMap::into_values) {
            old.retire();
        }
        // After that none of them has one made.
        self.host.templates.forget(name, None);
    }

    /// Ends the environments of a version as it was: idle ones now, busy ones after their invoke.
    pub(crate) fn retire(&self, name: &FunctionName, version: Version) {
        let old = take(&mut self.write(), name, version);
        self.host.starts.forget(name, version);
        if let Some(old) = old {
            old.retire();
        }
        // After that it has none made.
        self.host.templates.forget(name, Some(version));
    }

    /// Forgets a pool that has neither environments nor work.
    fn forget(&self, generation: &Generation) {
        let mut generations = self.write();
        let function = generation.function();
        let found = generations.get(&function.name);
        let found = found.and_then(|versions| versions.get(&function.version));
        if found.is_some_and(|found| std::ptr::eq(&**found, generation))
            && generation.retire_if_empty()
        {
            take(&mut generations, &function.name, function.version);
        }
    }
}

/// Takes a version's pool out, and leaves nothing of a function that has no other.
fn take(
    generations: &mut Generations,
    name: &FunctionName,
    version: Version,
) -> Option<Arc<Generation>> {
    let versions = generations.get_mut(name)?;
    let taken = versions.remove(&version);
    if versions.is_empty() {
        generations.remove(name);
    }
    taken
}
