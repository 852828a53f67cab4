//! All functions in memory, in two views: what the control plane shows, and what invokes run.
//!
//! ```text
//! create -> current Pending, no live -- settle --> current = live -- update --> current InProgress, old live
//!                                                        ^---------- settle ----------/
//! ```
//! Versions are live from their first moment to their last.
//! Readers hold a shard's lock for one look-up and wait for nothing else.

use super::Lookup;
use lambkin_model::{Function, FunctionName, Version};
use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::Bound;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

/// Spreads readers over locks, so that they rarely write to the same cache line.
const SHARDS: usize = 64;

type Shard = BTreeMap<FunctionName, Entry>;

/// Functions by name.
pub(super) struct Registry {
    shards: Vec<RwLock<Shard>>,
    hasher: RandomState,
    /// Of all functions.
    versions: AtomicUsize,
}

/// Both views of a function.
pub(super) struct Entry {
    /// What the store holds.
    pub(super) current: Arc<Function>,
    /// The last one that settled.
    pub(super) live: Option<Arc<Function>>,
    /// Published ones, by number.
    pub(super) versions: BTreeMap<u64, Arc<Function>>,
}

impl Entry {
    fn new(current: Arc<Function>, live: Option<Arc<Function>>) -> Self {
        Self {
            current,
            live,
            versions: BTreeMap::new(),
        }
    }

    /// By number, `$LATEST` first; numbers begin with 1.
    fn beyond(&self, after: Option<Version>) -> impl Iterator<Item = &Arc<Function>> {
        let (latest, number) = match after {
            None => (Some(&self.current), 0),
            Some(Version::Latest) => (None, 0),
            Some(Version::Published(number)) => (None, number),
        };
        let range = (Bound::Excluded(number), Bound::Unbounded);
        let published = self.versions.range(range).map(|(_, version)| version);
        latest.into_iter().chain(published)
    }
}

impl Registry {
    pub(super) fn new(settled: Vec<Function>, versions: Vec<Function>) -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        let registry = Self {
            shards,
            hasher: RandomState::new(),
            versions: AtomicUsize::new(0),
        };
        for function in settled {
            registry.settle(Arc::new(function));
        }
        for version in versions {
            registry.add_version(Arc::new(version));
        }
        registry
    }

    pub(super) fn get(&self, name: &FunctionName) -> Option<Arc<Function>> {
        self.read(name)
            .get(name)
            .map(|entry| Arc::clone(&entry.current))
    }

    pub(super) fn live(&self, name: &FunctionName, version: Version) -> Option<Lookup> {
        let shard = self.read(name);
        let entry = shard.get(name)?;
        if let Version::Published(number) = version {
            return entry.versions.get(&number).cloned().map(Lookup::Live);
        }
        Some(match &entry.live {
            Some(live) => Lookup::Live(Arc::clone(live)),
            None => Lookup::NotActive(entry.current.state),
        })
    }

    pub(super) fn version(&self, name: &FunctionName, number: u64) -> Option<Arc<Function>> {
        self.read(name).get(name)?.versions.get(&number).cloned()
    }

    pub(super) fn last_version(&self, name: &FunctionName) -> Option<Arc<Function>> {
        let shard = self.read(name);
        let (_, last) = shard.get(name)?.versions.last_key_value()?;
        Some(Arc::clone(last))
    }

    pub(super) fn count_versions(&self, name: &FunctionName) -> usize {
        self.read(name)
            .get(name)
            .map_or(0, |entry| entry.versions.len())
    }

    /// Whether any function, or any version of one, has a package with these bytes.
    pub(super) fn has_code(&self, sha256: &[u8; 32]) -> bool {
        self.shards.iter().any(|shard| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let mut all = shard.values().flat_map(|entry| entry.beyond(None));
            all.any(|function| function.code.sha256 == *sha256)
        })
    }

    pub(super) fn count_all_versions(&self) -> usize {
        self.versions.load(Ordering::Relaxed)
    }

    /// A version of a function that is there; of one that is not, nothing.
    pub(super) fn add_version(&self, version: Arc<Function>) {
        if let (Some(entry), Version::Published(number)) = (
            self.write(&version.name).get_mut(&version.name),
            version.version,
        ) {
            let before = entry.versions.insert(number, version);
            let new = usize::from(before.is_none());
            self.versions.fetch_add(new, Ordering::Relaxed);
        }
    }

    pub(super) fn remove_version(&self, name: &FunctionName, number: u64) -> Option<Arc<Function>> {
        let removed = self.write(name).get_mut(name)?.versions.remove(&number)?;
        self.versions.fetch_sub(1, Ordering::Relaxed);
        Some(removed)
    }

    pub(super) fn versions(
        &self,
        name: &FunctionName,
        after: Option<Version>,
        limit: usize,
    ) -> Option<Vec<Arc<Function>>> {
        let shard = self.read(name);
        let rest = shard.get(name)?.beyond(after);
        Some(rest.take(limit).cloned().collect())
    }

    pub(super) fn with_package(&self, name: &FunctionName, blob: Uuid) -> Option<Arc<Function>> {
        let shard = self.read(name);
        let mut all = shard.get(name)?.beyond(None);
        all.find(|one| one.code.blob == blob).cloned()
    }

    pub(super) fn page_all(
        &self,
        after: Option<(&FunctionName, Version)>,
        limit: usize,
    ) -> Vec<Arc<Function>> {
        let from = after.map_or(Bound::Unbounded, |(name, _)| Bound::Included(name));
        let within = |of: &FunctionName| {
            after
                .filter(|(name, _)| *name == of)
                .map(|(_, version)| version)
        };
        let mut page = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let entries = shard.range::<FunctionName, _>((from, Bound::Unbounded));
            let rest = entries.flat_map(|(name, entry)| entry.beyond(within(name)));
            page.extend(rest.take(limit).cloned());
        }
        page.sort_unstable_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        page.truncate(limit);
        page
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
                shard.insert(function.name.clone(), Entry::new(function, None));
            }
        }
    }

    /// Shows a function to the control plane and to invokes; gives what invokes ran before.
    pub(super) fn settle(&self, function: Arc<Function>) -> Option<Arc<Function>> {
        let mut shard = self.write(&function.name);
        match shard.get_mut(&function.name) {
            Some(entry) => {
                entry.current = Arc::clone(&function);
                entry.live.replace(function)
            }
            None => {
                let entry = Entry::new(Arc::clone(&function), Some(Arc::clone(&function)));
                shard.insert(function.name.clone(), entry);
                None
            }
        }
    }

    pub(super) fn remove(&self, name: &FunctionName) -> Option<Entry> {
        let removed = self.write(name).remove(name)?;
        self.versions
            .fetch_sub(removed.versions.len(), Ordering::Relaxed);
        Some(removed)
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
        let registry = Registry::new(all.iter().map(|name| function(name)).collect(), Vec::new());
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
        let registry = Registry::new(Vec::new(), Vec::new());
        let pending = Arc::new(Function {
            state: State::Pending,
            ..function("f")
        });
        registry.show(Arc::clone(&pending));
        assert!(matches!(
            registry.live(&pending.name, Version::Latest),
            Some(Lookup::NotActive(State::Pending))
        ));

        let first = Arc::new(function("f"));
        assert!(registry.settle(Arc::clone(&first)).is_none());
        let second = Arc::new(function("f"));
        registry.show(Arc::clone(&second));
        let ran = |expected: &Arc<Function>| matches!(registry.live(&expected.name, Version::Latest), Some(Lookup::Live(live)) if Arc::ptr_eq(&live, expected));
        assert!(ran(&first) && !ran(&second));
        assert!(Arc::ptr_eq(&registry.get(&first.name).unwrap(), &second));

        assert!(Arc::ptr_eq(
            &registry.settle(Arc::clone(&second)).unwrap(),
            &first
        ));
        assert!(ran(&second));
        assert!(registry.remove(&first.name).is_some());
        assert!(
            registry.live(&first.name, Version::Latest).is_none()
                && registry.get(&first.name).is_none()
        );
    }

    #[test]
    fn code_is_had_as_long_as_one_function_or_version_has_it() {
        let with = |name: &str, byte: u8| {
            let mut function = function(name);
            function.code.sha256 = [byte; 32];
            function
        };
        let mut published = with("g", 2);
        published.version = Version::Published(1);
        let registry = Registry::new(vec![with("f", 1), with("g", 3)], vec![published]);
        assert!([1, 2, 3].iter().all(|byte| registry.has_code(&[*byte; 32])));
        registry.remove_version(&with("g", 0).name, 1);
        registry.settle(Arc::new(with("f", 4)));
        let has: Vec<_> = (1..=4)
            .filter(|byte| registry.has_code(&[*byte; 32]))
            .collect();
        assert_eq!(has, [3, 4]);
    }

    fn version(name: &str, number: u64) -> Function {
        Function {
            version: Version::Published(number),
            ..function(name)
        }
    }

    #[test]
    fn versions_stay_as_they_are_while_their_function_changes() {
        let of_none = version("none", 1);
        let registry = Registry::new(vec![function("f")], vec![version("f", 2), of_none]);
        let name = FunctionName::new("f").unwrap();
        registry.settle(Arc::new(function("f")));
        let versions = |after, limit| -> Option<Vec<Version>> {
            let page = registry.versions(&name, after, limit)?;
            Some(page.iter().map(|one| one.version).collect())
        };
        let (latest, second) = (Version::Latest, Version::Published(2));
        assert_eq!(versions(None, 9), Some(vec![latest, second]));
        assert_eq!(versions(Some(latest), 9), Some(vec![second]));
        assert_eq!(versions(None, 1), Some(vec![latest]));
        assert!(
            matches!(registry.live(&name, second), Some(Lookup::Live(live)) if live.version == second)
        );
        assert!(registry.live(&name, Version::Published(1)).is_none());
        assert!(registry.remove_version(&name, 2).is_some());
        assert!(registry.last_version(&name).is_none() && registry.get(&name).is_some());
    }

    #[test]
    fn versions_are_counted_over_all_functions() {
        let versions = vec![
            version("f", 1),
            version("g", 1),
            version("g", 2),
            version("none", 1),
        ];
        let registry = Registry::new(vec![function("f"), function("g")], versions);
        let [f, g] = ["f", "g"].map(|name| FunctionName::new(name).unwrap());
        registry.add_version(Arc::new(version("g", 2)));
        assert_eq!(registry.count_all_versions(), 3);
        assert!(
            registry.remove_version(&f, 1).is_some() && registry.remove_version(&f, 1).is_none()
        );
        assert_eq!(registry.count_all_versions(), 2);
        registry.remove(&g);
        assert_eq!(registry.count_all_versions(), 0);
    }

    #[test]
    fn a_version_is_found_by_its_package() {
        let blob = Uuid::from_u128(7);
        let mut second = version("f", 2);
        second.code.blob = blob;
        let registry = Registry::new(vec![function("f")], vec![version("f", 1), second]);
        let name = FunctionName::new("f").unwrap();
        let found = |blob| registry.with_package(&name, blob).map(|one| one.version);
        assert_eq!(found(blob), Some(Version::Published(2)));
        assert_eq!(found(Uuid::nil()), Some(Version::Latest));
        assert_eq!(found(Uuid::from_u128(8)), None);
    }

    #[test]
    fn all_versions_are_paged_by_name_and_number() {
        let functions = ["a", "b", "c"].map(function);
        let versions = vec![version("a", 9), version("a", 10), version("c", 1)];
        let registry = Registry::new(functions.into(), versions);
        let (mut seen, mut after) = (Vec::new(), None::<Arc<Function>>);
        loop {
            let place = after.as_ref().map(|last| (&last.name, last.version));
            let page = registry.page_all(place, 2);
            let Some(last) = page.last() else { break };
            seen.extend(
                page.iter()
                    .map(|one| format!("{}:{}", one.name, one.version)),
            );
            after = Some(Arc::clone(last));
        }
        assert_eq!(
            seen,
            ["a:$LATEST", "a:9", "a:10", "b:$LATEST", "c:$LATEST", "c:1"]
        );
    }
}
