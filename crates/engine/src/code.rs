//! Unpacked packages, kept in memory while there is room, by the SHA-256 of their zip; with each, what was compiled of it.
//!
//! Owns: the cache of code trees and its bound; that a package is unpacked once however many ask.
//! Refuses: what a package may contain (the unpacker in `sandbox`), AWS's texts about it (`functions`).
//!
//! A tree that leaves the cache lives on until the last environment made of it has ended.

use bytes::Bytes;
use lambkin_model::Function;
use lambkin_sandbox::{CodeTree, Rejection, Spawner, UnpackError, UnpackLimits};
use lambkin_store::Store;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// Most entries of a package: what the largest published npm and PyPI trees stay well below.
const ENTRIES_MAX: u32 = 65_536;
/// Longest an unpacking may take: 250 MB unpack in seconds.
const UNPACK_TIMEOUT: Duration = Duration::from_secs(60);

/// SHA-256 of a zip: same bytes, same tree.
type Digest = [u8; 32];

/// Why there is no code tree.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The package breaks a rule.
    #[error("the package is refused: {0:?}")]
    Rejected(Rejection),
    /// The store or the spawner failed; trying again may help.
    #[error("the code cannot be had: {0}")]
    Unavailable(String),
}

impl From<UnpackError> for Error {
    fn from(error: UnpackError) -> Self {
        match error {
            UnpackError::Rejected(rejection) => Self::Rejected(rejection),
            UnpackError::Sandbox(error) => Self::Unavailable(error.to_string()),
        }
    }
}

/// The cache. Shared by the control plane, which fills it, and environments, which mount from it.
pub(crate) struct Trees {
    spawner: Spawner,
    store: Store,
    unzipped_bytes_max: u64,
    cache: Mutex<Cache>,
}

impl Trees {
    /// An empty cache that keeps at most `cache_bytes_max` bytes of trees.
    pub(crate) fn new(
        spawner: Spawner,
        store: Store,
        unzipped_bytes_max: u64,
        cache_bytes_max: u64,
    ) -> Self {
        let cache = Mutex::new(Cache {
            cells: HashMap::new(),
            bytes_max: cache_bytes_max,
            clock: 0,
        });
        Self {
            spawner,
            store,
            unzipped_bytes_max,
            cache,
        }
    }

    /// Unpacks a new package and keeps the tree.
    pub(crate) async fn admit(&self, sha256: Digest, package: &Bytes) -> Result<CodeTree, Error> {
        let cell = self.cell(sha256);
        let tree = cell.get_or_try_init(|| self.unpack(package)).await.cloned();
        self.settle(sha256, tree)
    }

    /// A function's tree, from the cache or out of the store.
    pub(crate) async fn get(&self, function: &Function) -> Result<CodeTree, Error> {
        let cell = self.cell(function.code.sha256);
        let tree = cell.get_or_try_init(|| self.load(function)).await.cloned();
        self.settle(function.code.sha256, tree)
    }

    async fn load(&self, function: &Function) -> Result<CodeTree, Error> {
        let packages = self.store.packages();
        let package = packages
            .get(&function.scope, &function.name, function.code.blob)
            .await
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        self.unpack(&package).await
    }

    /// Unpacks what is no package of a function, by the rules of one, and keeps nothing.
    pub(crate) async fn unpack(&self, package: &[u8]) -> Result<CodeTree, Error> {
        let limits = UnpackLimits {
            bytes_max: self.unzipped_bytes_max,
            entries_max: ENTRIES_MAX,
            timeout: UNPACK_TIMEOUT,
        };
        Ok(self.spawner.unpack(package, limits).await?)
    }

    /// A tree that is there.
    pub(crate) fn present(&self, sha256: Digest) -> Option<CodeTree> {
        self.lock().cells.get(&sha256)?.cell.get().cloned()
    }

    /// Most bytes that a tree may have.
    pub(crate) fn unzipped_bytes_max(&self) -> u64 {
        self.unzipped_bytes_max
    }

    /// What an interpreter has compiled of this code.
    pub(crate) fn compiled(&self, sha256: Digest, interpreter: &str) -> Compiled {
        self.lock().claim(sha256, interpreter)
    }

    /// Nobody compiles what was claimed.
    pub(crate) fn unclaim(&self, sha256: Digest, interpreter: &str) {
        if let Some(entry) = self.lock().cells.get_mut(&sha256) {
            entry.compiled.remove(interpreter);
        }
    }

    /// Keeps what was claimed as long as its code, if that is here still.
    pub(crate) fn keep_compiled(&self, sha256: Digest, interpreter: &str, tree: CodeTree) {
        let bytes = tree.bytes();
        self.lock().keep_compiled(sha256, interpreter, tree, bytes);
    }

    /// The place where all who want this tree meet; the first of them fills it.
    fn cell(&self, sha256: Digest) -> Arc<OnceCell<CodeTree>> {
        self.lock().touch(sha256)
    }

    /// Books a filled cell, or forgets one that stayed empty.
    fn settle(&self, sha256: Digest, tree: Result<CodeTree, Error>) -> Result<CodeTree, Error> {
        let mut cache = self.lock();
        match &tree {
            Ok(tree) => cache.evict_for(sha256, tree.bytes()),
            Err(_) => cache.forget_if_empty(sha256),
        }
        drop(cache);
        tree
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is of a tree in its compiled form.
pub(crate) enum Compiled<T = CodeTree> {
    There(T),
    /// It is on its way, or cannot be had.
    Nothing,
    /// Whoever gets this is to make it.
    Claimed,
}

/// Cells by digest, with what is needed to let the least recently used go first.
struct Cache<T = CodeTree> {
    cells: HashMap<Digest, Entry<T>>,
    bytes_max: u64,
    clock: u64,
}

struct Entry<T> {
    cell: Arc<OnceCell<T>>,
    /// 0 until the tree is there.
    bytes: u64,
    /// By interpreter. `None` once it is claimed.
    compiled: HashMap<String, Option<T>>,
    compiled_bytes: u64,
    used: u64,
}

impl<T> Entry<T> {
    fn all_bytes(&self) -> u64 {
        self.bytes + self.compiled_bytes
    }
}

impl<T: Clone> Cache<T> {
    fn touch(&mut self, sha256: Digest) -> Arc<OnceCell<T>> {
        self.clock += 1;
        let entry = self.cells.entry(sha256).or_insert_with(|| Entry {
            cell: Arc::default(),
            bytes: 0,
            compiled: HashMap::new(),
            compiled_bytes: 0,
            used: 0,
        });
        entry.used = self.clock;
        Arc::clone(&entry.cell)
    }

    /// Notes the size of a tree and drops others, oldest use first, until all fit.
    fn evict_for(&mut self, sha256: Digest, bytes: u64) {
        let Some(entry) = self.cells.get_mut(&sha256) else {
            return;
        };
        entry.bytes = bytes;
        self.evict_others(sha256);
    }

    fn claim(&mut self, sha256: Digest, interpreter: &str) -> Compiled<T> {
        let Some(entry) = self.cells.get_mut(&sha256) else {
            return Compiled::Nothing;
        };
        match entry.compiled.get(interpreter) {
            Some(Some(compiled)) => Compiled::There(compiled.clone()),
            Some(None) => Compiled::Nothing,
            None => {
                entry.compiled.insert(interpreter.to_owned(), None);
                Compiled::Claimed
            }
        }
    }

    fn keep_compiled(&mut self, sha256: Digest, interpreter: &str, compiled: T, bytes: u64) {
        if let Some(entry) = self.cells.get_mut(&sha256)
            && let Some(claimed @ None) = entry.compiled.get_mut(interpreter)
        {
            *claimed = Some(compiled);
            entry.compiled_bytes += bytes;
            self.evict_others(sha256);
        }
    }

    fn evict_others(&mut self, sha256: Digest) {
        while self.cells.values().map(Entry::all_bytes).sum::<u64>() > self.bytes_max {
            let filled = self
                .cells
                .iter()
                .filter(|(key, entry)| **key != sha256 && entry.bytes > 0);
            let Some(oldest) = filled
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, _)| *key)
            else {
                return;
            };
            self.cells.remove(&oldest);
        }
    }

    fn forget_if_empty(&mut self, sha256: Digest) {
        if self
            .cells
            .get(&sha256)
            .is_some_and(|entry| entry.cell.get().is_none())
        {
            self.cells.remove(&sha256);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(cache: &mut Cache<u8>, key: u8, bytes: u64) {
        cache.touch([key; 32]).set(key).unwrap();
        cache.evict_for([key; 32], bytes);
    }

    fn keys(cache: &Cache<u8>) -> Vec<u8> {
        let mut keys: Vec<u8> = cache.cells.keys().map(|key| key[0]).collect();
        keys.sort_unstable();
        keys
    }

    fn cache(bytes_max: u64) -> Cache<u8> {
        Cache {
            cells: HashMap::new(),
            bytes_max,
            clock: 0,
        }
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = cache(25);
        filled(&mut cache, 1, 10);
        filled(&mut cache, 2, 10);
        cache.touch([1; 32]);
        filled(&mut cache, 3, 10);
        assert_eq!(keys(&cache), [1, 3]);
    }

    #[test]
    fn one_tree_larger_than_the_cache_is_kept_alone() {
        let mut cache = cache(5);
        filled(&mut cache, 1, 4);
        filled(&mut cache, 2, 10);
        assert_eq!(keys(&cache), [2]);
    }

    #[test]
    fn what_is_compiled_is_claimed_once_counts_and_goes_with_its_code() {
        let mut cache = cache(25);
        filled(&mut cache, 1, 10);
        assert!(matches!(cache.claim([1; 32], "3.11"), Compiled::Claimed));
        assert!(matches!(cache.claim([1; 32], "3.11"), Compiled::Nothing));
        assert!(matches!(cache.claim([1; 32], "3.12"), Compiled::Claimed));
        cache.keep_compiled([1; 32], "3.11", 7, 10);
        assert!(matches!(cache.claim([1; 32], "3.11"), Compiled::There(7)));
        filled(&mut cache, 2, 10);
        assert_eq!(keys(&cache), [2]);
        // Its code is gone, and with it the claim.
        cache.keep_compiled([1; 32], "3.12", 7, 10);
        assert!(matches!(cache.claim([1; 32], "3.12"), Compiled::Nothing));
        assert_eq!(keys(&cache), [2]);
        assert!(matches!(cache.claim([2; 32], "3.11"), Compiled::Claimed));
        cache.keep_compiled([2; 32], "3.11", 8, 10);
        filled(&mut cache, 3, 10);
        assert_eq!(keys(&cache), [3]);
    }

    #[test]
    fn a_cell_that_is_being_filled_is_not_evicted_and_a_failed_one_is_forgotten() {
        let mut cache = cache(10);
        cache.touch([7; 32]);
        filled(&mut cache, 1, 10);
        filled(&mut cache, 2, 10);
        assert_eq!(keys(&cache), [2, 7]);
        cache.forget_if_empty([7; 32]);
        assert_eq!(keys(&cache), [2]);
    }
}
