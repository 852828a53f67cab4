//! All functions in memory, in two views: what the control plane shows, and what invokes run.
//!
//! ```text
//! create -> current Pending, no live -- settle --> current = live -- update --> current InProgress, old live
//!                                                        ^---------- settle ----------/
//! ```
//! Readers hold a shard's lock for one look-up and wait for nothing else.

use super::Lookup;
use lambkin_model::{Function, FunctionName};
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Spreads readers over locks, so that they rarely write to the same cache line.
const SHARDS: usize = 64;

type Shard = BTreeMap<FunctionName, Entry>;

/// Functions by name.
pub(super) struct Registry {
    shards: Vec<RwLock<Shard>>,
    hasher: RandomState,
}

/// Both views of a function.
pub(super) struct Entry {
    /// What the store holds.
    pub(super) current: Arc<Function>,
    /// The last one that settled.
    pub(super) live: Option<Arc<Function>>,
}

impl Registry {
    pub(super) fn new(settled: Vec<Function>) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        let registry = Self {
            shards,
            hasher: RandomState::new(),
        };
        for function in settled {
            registry.settle(Arc::new(function));
        }
        registry
    }

    pub(super) fn get(&self, name: &FunctionName) -> Option<Arc<Function>> {
        self.read(name)
            .get(name)
            .map(|entry| Arc::clone(&entry.current))
    }

    pub(super) fn live(&self, name: &FunctionName) -> Option<Lookup> {
        self.read(name).get(name).map(|entry| match &entry.live {
            Some(live) => Lookup::Live(Arc::clone(live)),
            None => Lookup::NotActive(entry.current.state),
        })
    }

    pub(super) fn page(&self, after: Option<&FunctionName>, limit: usize) -> Vec<Arc<Function>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let entries = shard
                .range::<FunctionName, _>((from, Bound::Unbounded))
                .take(limit);
            page.extend(entries.map(|(_, entry)| Arc::clone(&entry.current)));
        }
        page.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        page.truncate(limit);
        page
    }

    pub(super) fn count(&self) -> u64 {
        let len =
            |shard: &RwLock<Shard>| shard.read().unwrap_or_else(PoisonError::into_inner).len();
        self.shards.iter().map(len).sum::<usize>() as u64
    }

    /// Shows a function to the control plane; invokes run what they ran before.
    pub(super) fn show(&self, function: Arc<Function>) {
        let mut shard = self.write(&function.name);
        match shard.get_mut(&function.name) {
            Some(entry) => entry.current = function,
            None => {
                shard.insert(
                    function.name.clone(),
                    Entry {
                        current: function,
                        live: None,
                    },
                );
            }
        }
    }

    /// Shows a function to the control plane and to invokes; gives what invokes ran before.
    pub(super) fn settle(&self, function: Arc<Function>) -> Option<Arc<Function>> {
        let entry = Entry {
            current: Arc::clone(&function),
            live: Some(Arc::clone(&function)),
        };
        self.write(&function.name)
            .insert(function.name.clone(), entry)?
            .live
    }

    pub(super) fn remove(&self, name: &FunctionName) -> Option<Entry> {
        self.write(name).remove(name)
    }

    fn read(&self, name: &FunctionName) -> RwLockReadGuard<'_, Shard> {
        self.shard(name)
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, name: &FunctionName) -> RwLockWriteGuard<'_, Shard> {
        self.shard(name)
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, name: &FunctionName) -> &RwLock<Shard> {
        &self.shards[self.hasher.hash_one(name) as usize % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::State;

    fn function(name: &str) -> Function {
        crate::testing::function(name, BTreeMap::new())
    }

    fn names(page: &[Arc<Function>]) -> Vec<&str> {
        page.iter().map(|function| function.name.as_str()).collect()
    }

    #[test]
    fn pages_follow_the_order_of_names_over_all_shards() {
        let all: Vec<String> = (0..500).map(|n| format!("f{n:03}")).collect();
        let registry = Registry::new(all.iter().map(|name| function(name)).collect());
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = registry.page(after.as_ref(), 7);
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            seen.extend(names(&page).into_iter().map(str::to_owned));
        }
        assert_eq!(seen, all);
        assert_eq!(registry.count(), 500);
    }

    #[test]
    fn invokes_run_what_settled_last() {
        let registry = Registry::new(Vec::new());
        let pending = Arc::new(Function {
            state: State::Pending,
            ..function("f")
        });
        registry.show(Arc::clone(&pending));
        assert!(matches!(
            registry.live(&pending.name),
            Some(Lookup::NotActive(State::Pending))
        ));

        let first = Arc::new(function("f"));
        assert!(registry.settle(Arc::clone(&first)).is_none());
        let second = Arc::new(function("f"));
        registry.show(Arc::clone(&second));
        let ran = |expected: &Arc<Function>| matches!(registry.live(&expected.name), Some(Lookup::Live(live)) if Arc::ptr_eq(&live, expected));
        assert!(ran(&first) && !ran(&second));
        assert!(Arc::ptr_eq(&registry.get(&first.name).unwrap(), &second));

        assert!(Arc::ptr_eq(
            &registry.settle(Arc::clone(&second)).unwrap(),
            &first
        ));
        assert!(ran(&second));
        assert!(registry.remove(&first.name).is_some());
        assert!(registry.live(&first.name).is_none() && registry.get(&first.name).is_none());
    }
}
