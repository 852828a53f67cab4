//! Unpacked packages, kept in memory while there is room, by the SHA-256 of their zip; with each, what was compiled of it.
//!
//! Owns: that a package is unpacked once however many ask. What is kept how long is told in `cache`.
//! Refuses: what a package may contain (the unpacker in `sandbox`), AWS's texts about it (`functions`).
//!
//! A tree that leaves the cache lives on until the last environment made of it has ended.

mod cache;

use bytes::Bytes;
use cache::{Cache, Digest};
use lambkin_model::Function;
use lambkin_sandbox::{CODE_TREES_MAX, CodeTree, Rejection, Spawner, UnpackError, UnpackLimits};
use lambkin_store::Store;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most entries of a package: what the largest published npm and PyPI trees stay well below.
const ENTRIES_MAX: u32 = 65_536;
/// Longest an unpacking may take: 250 MB unpack in seconds.
const UNPACK_TIMEOUT: Duration = Duration::from_secs(60);

/// Most trees. The spawner has places for those too that are being filled, or that left and are mounted just now.
const TREES_MAX: usize = CODE_TREES_MAX - 512;

/// What there is of a package in its compiled form.
pub(crate) type Compiled = cache::Compiled<CodeTree>;

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
    cache: Mutex<Cache<CodeTree>>,
}

impl Trees {
    /// An empty cache that keeps at most `cache_bytes_max` bytes of trees, and no more than the spawner can hold.
    pub(crate) fn new(
        spawner: Spawner,
        store: Store,
        unzipped_bytes_max: u64,
        cache_bytes_max: u64,
    ) -> Self {
        let cache = Mutex::new(Cache::new(cache_bytes_max, TREES_MAX));
        Self {
            spawner,
            store,
            unzipped_bytes_max,
            cache,
        }
    }

    /// Unpacks a new package. Its tree goes before any that a function has, until `adopt` says that one has it.
    pub(crate) async fn admit(&self, sha256: Digest, package: &Bytes) -> Result<CodeTree, Error> {
        let cell = self.lock().place(sha256);
        let tree = cell.get_or_try_init(|| self.unpack(package)).await.cloned();
        self.settle(sha256, tree)
    }

    /// A function's tree, from the cache or out of the store.
    pub(crate) async fn get(&self, function: &Function) -> Result<CodeTree, Error> {
        let cell = self.lock().touch(function.code.sha256);
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
        self.lock().present(sha256)
    }

    /// A function has this code now.
    pub(crate) fn adopt(&self, sha256: Digest) {
        self.lock().adopt(sha256);
    }

    /// The last function that had this code is gone: it is the next to go.
    pub(crate) fn abandon(&self, sha256: Digest) {
        self.lock().abandon(sha256);
    }

    /// Most bytes that a tree may have.
    pub(crate) fn unzipped_bytes_max(&self) -> u64 {
        self.unzipped_bytes_max
    }

    /// What has been compiled of this code for a target.
    pub(crate) fn compiled(&self, sha256: Digest, target: &str) -> Compiled {
        self.lock().claim(sha256, target, Instant::now())
    }

    /// The code that was claimed, as long as it is here and nobody else has compiled it.
    pub(crate) fn claimed(&self, sha256: Digest, target: &str) -> Option<CodeTree> {
        self.lock().claimed(sha256, target)
    }

    /// Nobody compiles what was claimed. It may be claimed again from then on, or never as long as the code is here.
    pub(crate) fn unclaim(&self, sha256: Digest, target: &str, again: Option<Instant>) {
        self.lock().unclaim(sha256, target, again);
    }

    /// Keeps what was claimed, if its code is here still, at most as long as that. False if there is no room for it.
    pub(crate) fn keep_compiled(&self, sha256: Digest, target: &str, tree: CodeTree) -> bool {
        let bytes = tree.bytes();
        self.lock().keep_compiled(sha256, target, tree, bytes)
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

    fn lock(&self) -> MutexGuard<'_, Cache<CodeTree>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
