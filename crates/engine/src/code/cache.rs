//! Which trees are kept, within a bound: code, least recently used first to go, and what was compiled of it in the room
//! that code leaves.
//!
//! What is compiled only saves time: it goes before any code does, and takes the place of no code that a function has.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OnceCell;

/// SHA-256 of a zip: same bytes, same tree.
pub(super) type Digest = [u8; 32];

/// When code was used that no function has: before all other.
const LONG_AGO: u64 = 0;

/// Most targets of one tree of which the compiled form is known. With Node.js each size of memory is one.
const TARGETS_MAX: usize = 16;

/// What there is of a tree in its compiled form.
pub(crate) enum Compiled<T> {
    There(T),
    /// It is on its way, or cannot be had for now.
    Nothing,
    /// Whoever gets this is to make it.
    Claimed,
}

/// Cells by digest, with what is needed to let the least recently used go first.
pub(super) struct Cache<T> {
    cells: HashMap<Digest, Entry<T>>,
    bytes_max: u64,
    /// Of code and compiled forms together: each is a mount, however few bytes it has.
    trees_max: usize,
    clock: u64,
}

struct Entry<T> {
    cell: Arc<OnceCell<T>>,
    /// 0 until the tree is there.
    bytes: u64,
    /// By target: an interpreter with its flags.
    compiled: HashMap<String, Form<T>>,
    used: u64,
}

/// What has become of the compiled form of a tree.
enum Form<T> {
    Claimed,
    /// It may be claimed again from then on; never, as long as its code stays, if there is no such time.
    Failed(Option<Instant>),
    Kept {
        tree: T,
        bytes: u64,
    },
}

impl<T> Form<T> {
    fn bytes(&self) -> u64 {
        match self {
            Self::Claimed | Self::Failed(_) => 0,
            Self::Kept { bytes, .. } => *bytes,
        }
    }

    fn is_kept(&self) -> bool {
        matches!(self, Self::Kept { .. })
    }
}

impl<T> Entry<T> {
    fn compiled_bytes(&self) -> u64 {
        self.compiled.values().map(Form::bytes).sum()
    }

    fn compiled_trees(&self) -> usize {
        let forms = self.compiled.values();
        forms.filter(|form| form.is_kept()).count()
    }

    /// Of the compiled forms one that failed, or any that nobody makes just now.
    fn forget_one(&mut self) {
        let forms = self.compiled.iter();
        let spare = forms.filter(|(_, form)| !matches!(form, Form::Claimed));
        let spare = spare.min_by_key(|(_, form)| form.bytes());
        if let Some(target) = spare.map(|(target, _)| target.clone()) {
            self.compiled.remove(&target);
        }
    }
}

impl<T: Clone> Cache<T> {
    pub(super) fn new(bytes_max: u64, trees_max: usize) -> Self {
        Self {
            cells: HashMap::new(),
            bytes_max,
            trees_max,
            clock: LONG_AGO,
        }
    }

    /// For code that no function may ever have.
    pub(super) fn place(&mut self, sha256: Digest) -> Arc<OnceCell<T>> {
        Arc::clone(&self.entry(sha256).cell)
    }

    /// For a function.
    pub(super) fn touch(&mut self, sha256: Digest) -> Arc<OnceCell<T>> {
        self.clock += 1;
        let now = self.clock;
        let entry = self.entry(sha256);
        entry.used = now;
        Arc::clone(&entry.cell)
    }

    /// A function has it now, if it is here still.
    pub(super) fn adopt(&mut self, sha256: Digest) {
        if self.cells.contains_key(&sha256) {
            self.touch(sha256);
        }
    }

    fn entry(&mut self, sha256: Digest) -> &mut Entry<T> {
        self.cells.entry(sha256).or_insert_with(|| Entry {
            cell: Arc::default(),
            bytes: 0,
            compiled: HashMap::new(),
            used: LONG_AGO,
        })
    }

    /// A tree that is there.
    pub(super) fn present(&self, sha256: Digest) -> Option<T> {
        self.cells.get(&sha256)?.cell.get().cloned()
    }

    /// The last function that had this code is gone.
    pub(super) fn abandon(&mut self, sha256: Digest) {
        if let Some(entry) = self.cells.get_mut(&sha256) {
            entry.used = LONG_AGO;
        }
    }

    /// Notes the size of a tree and drops others until all fit: what is compiled, then code, each oldest use first.
    pub(super) fn evict_for(&mut self, sha256: Digest, bytes: u64) {
        let Some(entry) = self.cells.get_mut(&sha256) else {
            return;
        };
        entry.bytes = bytes;
        while self.is_over(0, 0) && (self.drop_compiled() || self.drop_code(sha256, u64::MAX)) {}
    }

    pub(super) fn forget_if_empty(&mut self, sha256: Digest) {
        if self
            .cells
            .get(&sha256)
            .is_some_and(|entry| entry.cell.get().is_none())
        {
            self.cells.remove(&sha256);
        }
    }

    pub(super) fn claim(&mut self, sha256: Digest, target: &str, now: Instant) -> Compiled<T> {
        let Some(entry) = self.cells.get_mut(&sha256) else {
            return Compiled::Nothing;
        };
        match entry.compiled.get(target) {
            Some(Form::Kept { tree, .. }) => return Compiled::There(tree.clone()),
            Some(Form::Claimed) => return Compiled::Nothing,
            Some(Form::Failed(again)) if again.is_none_or(|again| now < again) => {
                return Compiled::Nothing;
            }
            Some(Form::Failed(_)) | None => {}
        }
        if entry.compiled.len() >= TARGETS_MAX {
            entry.forget_one();
        }
        entry.compiled.insert(target.to_owned(), Form::Claimed);
        Compiled::Claimed
    }

    /// The code of a claim, if both are there still, and a function has it.
    pub(super) fn claimed(&self, sha256: Digest, target: &str) -> Option<T> {
        let entry = self.cells.get(&sha256)?;
        if entry.used == LONG_AGO {
            return None;
        }
        let form = entry.compiled.get(target)?;
        matches!(form, Form::Claimed).then(|| entry.cell.get().cloned())?
    }

    /// Ends a claim for want of what it was for.
    pub(super) fn unclaim(&mut self, sha256: Digest, target: &str, again: Option<Instant>) {
        if let Some(form) = self.claim_of(sha256, target) {
            *form = Form::Failed(again);
        }
    }

    /// False if there is no room for it. Then the claim stands.
    pub(super) fn keep_compiled(
        &mut self,
        sha256: Digest,
        target: &str,
        tree: T,
        bytes: u64,
    ) -> bool {
        if self.claim_of(sha256, target).is_none() {
            return true;
        }
        while self.is_over(bytes, 1) && self.drop_code(sha256, LONG_AGO) {}
        if self.is_over(bytes, 1) {
            return false;
        }
        if let Some(form) = self.claim_of(sha256, target) {
            *form = Form::Kept { tree, bytes };
        }
        true
    }

    fn claim_of(&mut self, sha256: Digest, target: &str) -> Option<&mut Form<T>> {
        let form = self.cells.get_mut(&sha256)?.compiled.get_mut(target)?;
        matches!(form, Form::Claimed).then_some(form)
    }

    /// Whether what is kept and so much more does not fit.
    fn is_over(&self, more_bytes: u64, more_trees: usize) -> bool {
        let each = self.cells.values();
        let bytes: u64 = each.map(|entry| entry.bytes + entry.compiled_bytes()).sum();
        let each = self.cells.values();
        let trees: usize = each.map(|entry| 1 + entry.compiled_trees()).sum();
        bytes.saturating_add(more_bytes) > self.bytes_max || trees + more_trees > self.trees_max
    }

    /// What is compiled of the code that is longest not used. False if there is none.
    fn drop_compiled(&mut self) -> bool {
        let entries = self.cells.values_mut();
        let oldest = entries
            .filter(|entry| entry.compiled_trees() > 0)
            .min_by_key(|entry| entry.used);
        let Some(oldest) = oldest else { return false };
        oldest.compiled.retain(|_, form| !form.is_kept());
        true
    }

    /// The code that is longest not used, of others that were last used by then, and what is compiled of it.
    fn drop_code(&mut self, but: Digest, used_max: u64) -> bool {
        let entries = self.cells.iter().filter(|(key, entry)| {
            **key != but && entry.cell.initialized() && entry.used <= used_max
        });
        let oldest = entries.min_by_key(|(_, entry)| entry.used);
        let Some(oldest) = oldest.map(|(key, _)| *key) else {
            return false;
        };
        self.cells.remove(&oldest).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// As many as no test has.
    const TREES: usize = 100;

    fn filled(cache: &mut Cache<u8>, key: u8, bytes: u64) {
        cache.touch([key; 32]).set(key).unwrap();
        cache.evict_for([key; 32], bytes);
    }

    fn keys(cache: &Cache<u8>) -> Vec<u8> {
        let mut keys: Vec<u8> = cache.cells.keys().map(|key| key[0]).collect();
        keys.sort_unstable();
        keys
    }

    fn claim(cache: &mut Cache<u8>, key: u8, target: &str) -> Compiled<u8> {
        cache.claim([key; 32], target, Instant::now())
    }

    fn compiled(cache: &mut Cache<u8>, key: u8, bytes: u64) -> bool {
        assert!(matches!(claim(cache, key, "3.11"), Compiled::Claimed));
        cache.keep_compiled([key; 32], "3.11", key, bytes)
    }

    fn has_compiled(cache: &mut Cache<u8>, key: u8) -> bool {
        matches!(claim(cache, key, "3.11"), Compiled::There(_))
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(25, TREES);
        filled(&mut cache, 1, 10);
        filled(&mut cache, 2, 10);
        cache.touch([1; 32]);
        filled(&mut cache, 3, 10);
        assert_eq!(keys(&cache), [1, 3]);
    }

    #[test]
    fn one_tree_larger_than_the_cache_is_kept_alone() {
        let mut cache = Cache::new(5, TREES);
        filled(&mut cache, 1, 4);
        filled(&mut cache, 2, 10);
        assert_eq!(keys(&cache), [2]);
    }

    #[test]
    fn trees_are_bounded_too_however_small() {
        let mut cache = Cache::new(1_000, 3);
        for key in 1..=3 {
            filled(&mut cache, key, 0);
        }
        // Nothing but code that a function has.
        assert!(!compiled(&mut cache, 3, 1));
        cache.unclaim([3; 32], "3.11", None);
        filled(&mut cache, 4, 0);
        assert_eq!(keys(&cache), [2, 3, 4]);
        cache.abandon([2; 32]);
        assert!(compiled(&mut cache, 4, 0));
        assert_eq!(keys(&cache), [3, 4]);
        filled(&mut cache, 5, 0);
        assert_eq!(keys(&cache), [3, 4, 5]);
        assert!(!has_compiled(&mut cache, 4));
    }

    #[test]
    fn code_that_no_function_has_goes_first() {
        let mut cache = Cache::new(20, TREES);
        filled(&mut cache, 1, 10);
        cache.place([2; 32]).set(2).unwrap();
        cache.evict_for([2; 32], 10);
        cache.place([3; 32]).set(3).unwrap();
        cache.evict_for([3; 32], 10);
        assert_eq!(keys(&cache), [1, 3]);
        // One has it now; and what was there before stays as it was used.
        cache.adopt([3; 32]);
        cache.place([1; 32]);
        filled(&mut cache, 4, 10);
        assert_eq!(keys(&cache), [3, 4]);
        cache.adopt([5; 32]);
        assert_eq!(keys(&cache), [3, 4]);
    }

    #[test]
    fn what_is_compiled_is_claimed_once_and_goes_with_its_code() {
        let mut cache = Cache::new(25, TREES);
        filled(&mut cache, 1, 10);
        assert!(matches!(claim(&mut cache, 1, "3.11"), Compiled::Claimed));
        assert!(matches!(claim(&mut cache, 1, "3.11"), Compiled::Nothing));
        assert!(matches!(claim(&mut cache, 1, "3.12"), Compiled::Claimed));
        assert_eq!(cache.claimed([1; 32], "3.12"), Some(1));
        cache.abandon([1; 32]);
        assert_eq!(cache.claimed([1; 32], "3.12"), None);
        cache.touch([1; 32]);
        assert_eq!(cache.claimed([1; 32], "3.12"), Some(1));
        assert!(cache.keep_compiled([1; 32], "3.11", 7, 10));
        assert!(matches!(claim(&mut cache, 1, "3.11"), Compiled::There(7)));
        filled(&mut cache, 2, 20);
        assert_eq!(keys(&cache), [2]);
        // Its code is gone, and with it the claim.
        assert_eq!(cache.claimed([1; 32], "3.12"), None);
        assert!(cache.keep_compiled([1; 32], "3.12", 7, 1));
        assert!(matches!(claim(&mut cache, 1, "3.12"), Compiled::Nothing));
        assert_eq!(keys(&cache), [2]);
    }

    #[test]
    fn forms_for_many_targets_are_forgotten_and_claims_never() {
        let mut cache = Cache::new(100, TREES);
        filled(&mut cache, 1, 10);
        assert!(compiled(&mut cache, 1, 10));
        for target in 1..TARGETS_MAX {
            assert!(has_compiled(&mut cache, 1));
            claim(&mut cache, 1, &target.to_string());
        }
        claim(&mut cache, 1, "one more");
        assert_eq!(cache.claimed([1; 32], "1"), Some(1));
        assert!(!has_compiled(&mut cache, 1));
    }

    #[test]
    fn what_is_compiled_takes_no_room_of_code_that_a_function_has() {
        let mut cache = Cache::new(40, TREES);
        for key in 1..=3 {
            filled(&mut cache, key, 10);
        }
        assert!(!compiled(&mut cache, 3, 11));
        cache.unclaim([3; 32], "3.11", None);
        assert!(compiled(&mut cache, 1, 5) && compiled(&mut cache, 2, 5));
        assert_eq!(keys(&cache), [1, 2, 3]);
        // Code takes its room, the longest unused first, before any code goes.
        cache.touch([1; 32]);
        filled(&mut cache, 4, 5);
        assert_eq!(keys(&cache), [1, 2, 3, 4]);
        assert!(has_compiled(&mut cache, 1) && !has_compiled(&mut cache, 2));
        filled(&mut cache, 5, 5);
        assert_eq!(keys(&cache), [1, 2, 3, 4, 5]);
        assert!(!has_compiled(&mut cache, 1));
        // Of the code that nobody has any more it takes the place, and of no other.
        cache.abandon([3; 32]);
        assert!(!compiled(&mut cache, 4, 11));
        assert_eq!(keys(&cache), [1, 2, 4, 5]);
        assert!(cache.keep_compiled([4; 32], "3.11", 4, 10));
    }

    #[test]
    fn what_failed_for_a_while_is_claimed_again_after_it() {
        let mut cache = Cache::new(10, TREES);
        filled(&mut cache, 1, 5);
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let claim = |cache: &mut Cache<u8>, at| cache.claim([1; 32], "3.11", at);
        assert!(matches!(claim(&mut cache, now), Compiled::Claimed));
        cache.unclaim([1; 32], "3.11", Some(later));
        let just_before = later - Duration::from_millis(1);
        assert!(matches!(claim(&mut cache, just_before), Compiled::Nothing));
        assert!(matches!(claim(&mut cache, later), Compiled::Claimed));
        cache.unclaim([1; 32], "3.11", None);
        assert!(matches!(
            claim(&mut cache, later + Duration::from_secs(86_400)),
            Compiled::Nothing
        ));
    }

    #[test]
    fn a_cell_that_is_being_filled_is_not_evicted_and_a_failed_one_is_forgotten() {
        let mut cache = Cache::new(10, TREES);
        cache.touch([7; 32]);
        filled(&mut cache, 1, 10);
        filled(&mut cache, 2, 10);
        assert_eq!(keys(&cache), [2, 7]);
        cache.forget_if_empty([7; 32]);
        assert_eq!(keys(&cache), [2]);
    }
}
