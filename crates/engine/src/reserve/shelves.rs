//! How many sandboxes of each recipe are kept, and which.
//!
//! A recipe that some function has keeps one. Each time one is missing it keeps twice as many, up to eight; each
//! time nobody has needed one for five minutes, half as many. All together stay within the bound of memory: where
//! it is short, the recipe that was needed longest ago keeps none.

use super::{Aside, Ready, Recipe};
use lambkin_model::FunctionName;
use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};

/// Of one recipe: an eighth of a burst of 64, and what a small machine makes in half a second.
const KEPT_MAX: usize = 8;
/// Of all, whatever memory there is: they hold descriptors and users.
const ALL_MAX: usize = 128;
/// How long a recipe keeps more than it needs.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long one that could not be made is not tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// What one takes before any of its recipe has been measured: an interpreter.
const EXPECTED_BYTES: u64 = 24 << 20;

pub(super) struct Shelves {
    bytes_max: u64,
    /// What others take of them.
    aside: Aside,
    recipes: HashMap<FunctionName, Arc<Recipe>>,
    shelves: HashMap<Arc<Recipe>, Shelf>,
}

/// The recipe by which one is to be made, if the machine has room, and what has to go for it. The machine is asked when
/// one lacks, as what it grants counts as taken; and outside of the lock, as it counts what is here.
pub(super) fn next<'s>(
    shelves: impl Fn() -> MutexGuard<'s, Shelves>,
    has_room: impl FnOnce() -> bool,
) -> Option<(Arc<Recipe>, Vec<Ready>)> {
    let lack = shelves().lack();
    let (recipe, bytes) = lack.filter(|_| has_room())?;
    let gone = shelves().make_room(bytes);
    Some((recipe, gone))
}

struct Shelf {
    /// How many functions have the recipe.
    functions: usize,
    ready: VecDeque<Ready>,
    wanted: usize,
    /// What one of them takes.
    bytes: u64,
    needed: Instant,
    /// When it last wanted less.
    halved: Instant,
    /// One that could not be made is not tried again before: the others come first.
    not_before: Instant,
}

impl Shelves {
    pub(super) fn new(bytes_max: u64, aside: Aside) -> Self {
        Self {
            bytes_max,
            aside,
            recipes: HashMap::new(),
            shelves: HashMap::new(),
        }
    }

    /// Returns what is of no use any more, for the caller to drop outside the lock.
    pub(super) fn serve(&mut self, function: &FunctionName, recipe: &Arc<Recipe>) -> Vec<Ready> {
        if self.bytes_max == 0 || self.recipes.get(function) == Some(recipe) {
            return Vec::new();
        }
        let gone = self.forget(function);
        // Equal recipes are one value.
        let known = self.shelves.get_key_value(recipe);
        let recipe = known.map_or_else(|| Arc::clone(recipe), |(known, _)| Arc::clone(known));
        self.recipes.insert(function.clone(), Arc::clone(&recipe));
        self.shelves
            .entry(recipe)
            .or_insert_with(Shelf::new)
            .functions += 1;
        gone
    }

    /// As `serve`, returns what goes with the last function of a recipe.
    pub(super) fn forget(&mut self, function: &FunctionName) -> Vec<Ready> {
        let Some(recipe) = self.recipes.remove(function) else {
            return Vec::new();
        };
        let Entry::Occupied(mut shelf) = self.shelves.entry(recipe) else {
            return Vec::new();
        };
        shelf.get_mut().functions -= 1;
        match shelf.get().functions {
            0 => shelf.remove().ready.into(),
            _ => Vec::new(),
        }
    }

    /// One by that recipe, and what is of no use any more.
    pub(super) fn take(
        &mut self,
        function: Option<&FunctionName>,
        recipe: &Arc<Recipe>,
    ) -> (Option<Ready>, Vec<Ready>) {
        // One that was deleted a moment ago stays forgotten.
        let known = function.filter(|function| self.recipes.contains_key(*function));
        let mut gone = known.map_or_else(Vec::new, |function| self.serve(function, recipe));
        let Some(shelf) = self.shelves.get_mut(recipe) else {
            return (None, gone);
        };
        gone.extend(shelf.part_unsound());
        (shelf.take(), gone)
    }

    /// The recipe that lacks one most urgently, if there is room for it or can be, and what one takes.
    fn lack(&self) -> Option<(Arc<Recipe>, u64)> {
        let now = Instant::now();
        let lacking = self.shelves.iter().filter(|(_, shelf)| shelf.lacks(now));
        let lacking = lacking.max_by_key(|(_, shelf)| (shelf.ready.is_empty(), shelf.needed));
        let (recipe, needed, bytes) =
            lacking.map(|(recipe, shelf)| (Arc::clone(recipe), shelf.needed, shelf.bytes))?;
        let older = self.shelves.values().filter(|other| other.needed < needed);
        let (older_bytes, older_count) = older.fold((0, 0), |(bytes, count), other| {
            (bytes + other.taken(), count + other.ready.len())
        });
        // Others may take more at any moment.
        let fits = self.taken() - older_bytes + bytes <= self.room();
        (fits && self.len() - older_count < ALL_MAX).then_some((recipe, bytes))
    }

    /// What has to go for one that takes so much.
    fn make_room(&mut self, bytes: u64) -> Vec<Ready> {
        self.shrink(self.room().saturating_sub(bytes), ALL_MAX - 1)
    }

    /// One could not be made, which the next try is likely to meet again.
    pub(super) fn failed(&mut self, recipe: &Arc<Recipe>) {
        if let Some(shelf) = self.shelves.get_mut(recipe) {
            shelf.not_before = Instant::now() + AFTER_FAILURE;
        }
    }

    /// Others have taken more; what there is no room for any more comes back.
    pub(super) fn make_way(&mut self) -> Vec<Ready> {
        self.shrink(self.room(), ALL_MAX)
    }

    fn room(&self) -> u64 {
        self.bytes_max.saturating_sub(self.aside.bytes())
    }

    fn taken(&self) -> u64 {
        self.shelves.values().map(Shelf::taken).sum()
    }

    /// Takes from those that were needed longest ago until what is left is within bounds.
    fn shrink(&mut self, bytes_max: u64, count_max: usize) -> Vec<Ready> {
        let mut gone = Vec::new();
        while self.taken() > bytes_max || self.len() > count_max {
            let filled = self.shelves.values_mut();
            let filled = filled.filter(|shelf| !shelf.ready.is_empty());
            let Some(oldest) = filled.min_by_key(|shelf| shelf.needed) else {
                break;
            };
            gone.extend(oldest.ready.pop_front());
            oldest.wanted = oldest.ready.len();
        }
        gone
    }

    /// One that was made, and takes so much; comes back if nobody has the recipe any more.
    pub(super) fn put(&mut self, recipe: &Arc<Recipe>, ready: Ready, bytes: u64) -> Option<Ready> {
        let Some(shelf) = self.shelves.get_mut(recipe) else {
            return Some(ready);
        };
        shelf.measure(bytes);
        shelf.ready.push_back(ready);
        None
    }

    pub(super) fn len(&self) -> usize {
        self.shelves.values().map(|shelf| shelf.ready.len()).sum()
    }

    /// Up to so many; none is made in their place before somebody needs one.
    pub(super) fn give_up(&mut self, count: usize) -> Vec<Ready> {
        let mut gone = Vec::new();
        for shelf in self.shelves.values_mut() {
            let more = shelf.ready.len().min(count - gone.len());
            if more > 0 {
                gone.extend(shelf.ready.drain(..more));
                shelf.wanted = shelf.ready.len();
            }
        }
        gone
    }

    /// Measures what waits by one recipe, which reads files of each, and lets go of what nobody has needed for long.
    pub(super) fn review(&mut self, recipe: &Arc<Recipe>) -> Vec<Ready> {
        let shelf = self.shelves.get_mut(recipe);
        shelf.map_or_else(Vec::new, Shelf::review)
    }

    /// All of which some are kept.
    pub(super) fn recipes(&self) -> Vec<Arc<Recipe>> {
        self.shelves.keys().cloned().collect()
    }

    /// Everything, at the end.
    pub(super) fn clear(&mut self) -> Vec<Ready> {
        self.bytes_max = 0;
        self.recipes.clear();
        let shelves = std::mem::take(&mut self.shelves);
        shelves
            .into_values()
            .flat_map(|shelf| shelf.ready)
            .collect()
    }
}

impl Shelf {
    fn new() -> Self {
        Self {
            functions: 0,
            ready: VecDeque::new(),
            wanted: 1,
            bytes: EXPECTED_BYTES,
            needed: Instant::now(),
            halved: Instant::now(),
            not_before: Instant::now(),
        }
    }

    /// The oldest, whose program is at its waiting for sure.
    fn take(&mut self) -> Option<Ready> {
        self.needed = Instant::now();
        let taken = self.ready.pop_front();
        if taken.is_none() {
            self.wanted = (self.wanted * 2).clamp(1, KEPT_MAX);
        }
        taken
    }

    fn part_unsound(&mut self) -> VecDeque<Ready> {
        part(&mut self.ready, Ready::is_sound)
    }

    /// Without control groups nothing is measured.
    fn measure(&mut self, bytes: u64) {
        if bytes > 0 {
            self.bytes = bytes;
        }
    }

    fn taken(&self) -> u64 {
        self.bytes * self.ready.len() as u64
    }

    fn lacks(&self, now: Instant) -> bool {
        self.ready.len() < self.wanted && self.not_before <= now
    }

    fn review(&mut self) -> Vec<Ready> {
        let mut gone = self.part_unsound();
        if let Some(bytes) = self.ready.iter().map(Ready::bytes).max() {
            self.measure(bytes);
        }
        self.ready.iter().for_each(Ready::rest);
        let now = Instant::now();
        if now - self.needed.max(self.halved) > PATIENCE {
            self.wanted = (self.wanted / 2).max(1);
            self.halved = now;
        }
        gone.extend(self.ready.split_off(self.wanted.min(self.ready.len())));
        gone.into()
    }
}

/// Takes those out that are not as they should be; nothing of them is dropped here.
fn part<T>(all: &mut VecDeque<T>, is_sound: impl Fn(&T) -> bool) -> VecDeque<T> {
    let (sound, unsound) = std::mem::take(all).into_iter().partition(is_sound);
    *all = sound;
    unsound
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::Launch;
    use lambkin_sandbox::Root;
    use std::sync::Mutex;

    const MANY: u64 = EXPECTED_BYTES * 100;

    fn name(text: &str) -> FunctionName {
        FunctionName::new(text).unwrap()
    }

    fn recipe(memory_mb: u32) -> Arc<Recipe> {
        let launch = Launch {
            root: Root::default(),
            argv: vec!["/var/lang/bin/node".into()],
            waits: true,
            env: Vec::new(),
            version: "nodejs:22".into(),
            nearest_note: None,
            compiling: None,
        };
        let mut function = crate::testing::function("f", Default::default());
        function.settings.memory_mb = memory_mb;
        Arc::new(Recipe::new(&launch, &function.settings))
    }

    /// For which recipe the next one would be made.
    fn lacking(shelves: &Shelves) -> Option<Arc<Recipe>> {
        shelves.lack().map(|(recipe, _)| recipe)
    }

    #[test]
    fn a_recipe_keeps_some_for_as_long_as_a_function_has_it() {
        let mut shelves = Shelves::new(MANY, Aside::default());
        assert_eq!(lacking(&shelves), None);
        shelves.serve(&name("f"), &recipe(128));
        shelves.serve(&name("g"), &recipe(128));
        shelves.forget(&name("f"));
        assert_eq!(lacking(&shelves), Some(recipe(128)));
        shelves.serve(&name("g"), &recipe(256));
        assert_eq!(lacking(&shelves), Some(recipe(256)));
        assert_eq!(shelves.shelves.len(), 1);
        shelves.forget(&name("g"));
        // An environment of it was on its way.
        shelves.take(Some(&name("g")), &recipe(256));
        assert_eq!(lacking(&shelves), None);
        assert!(shelves.shelves.is_empty() && shelves.recipes.is_empty());
    }

    #[test]
    fn what_was_needed_last_is_made_first() {
        let mut shelves = Shelves::new(MANY, Aside::default());
        shelves.serve(&name("f"), &recipe(128));
        shelves.serve(&name("g"), &recipe(256));
        assert_eq!(lacking(&shelves), Some(recipe(256)));
        // A version of some function, for which nothing is kept of its own.
        shelves.take(None, &recipe(128));
        assert_eq!(lacking(&shelves), Some(recipe(128)));
        shelves.take(None, &recipe(512));
        assert_eq!(lacking(&shelves), Some(recipe(128)));
    }

    #[test]
    fn none_is_made_beyond_the_memory_that_others_leave() {
        let aside = Aside::default();
        let mut shelves = Shelves::new(EXPECTED_BYTES, aside.clone());
        shelves.serve(&name("f"), &recipe(128));
        assert!(lacking(&shelves).is_some());
        let taken = aside.take(1);
        assert_eq!(lacking(&shelves), None);
        drop(taken);
        assert!(lacking(&shelves).is_some());
        shelves.clear();
        shelves.serve(&name("f"), &recipe(128));
        assert_eq!(lacking(&shelves), None, "at the end");
    }

    #[test]
    fn what_cannot_be_made_waits_and_the_others_do_not_wait_for_it() {
        let mut shelves = Shelves::new(MANY, Aside::default());
        shelves.serve(&name("f"), &recipe(128));
        shelves.serve(&name("g"), &recipe(256));
        shelves.failed(&recipe(256));
        assert_eq!(lacking(&shelves), Some(recipe(128)));
        shelves.failed(&recipe(128));
        assert_eq!(lacking(&shelves), None);
        // Not even for somebody who needs one.
        shelves.take(None, &recipe(256));
        assert_eq!(lacking(&shelves), None);
        shelves.shelves.get_mut(&recipe(256)).unwrap().not_before -= AFTER_FAILURE;
        assert_eq!(lacking(&shelves), Some(recipe(256)));
    }

    #[test]
    fn the_machine_is_asked_for_room_when_one_lacks_and_not_before() {
        let shelves = Mutex::new(Shelves::new(MANY, Aside::default()));
        let lock = || shelves.lock().unwrap();
        assert!(next(lock, || panic!("nothing lacks")).is_none());
        lock().serve(&name("f"), &recipe(128));
        assert!(next(lock, || false).is_none());
        let is_free = || shelves.try_lock().is_ok();
        assert_eq!(next(lock, is_free).unwrap().0, recipe(128));
    }

    #[test]
    fn what_is_unsound_comes_back_and_the_others_keep_their_order() {
        let mut all: VecDeque<u32> = (1..=6).collect();
        assert_eq!(part(&mut all, |one| one % 3 != 0), [3, 6]);
        assert_eq!(all, [1, 2, 4, 5]);
    }

    #[test]
    fn twice_as_many_are_kept_each_time_one_is_missing_and_half_as_many_after_a_while() {
        let mut shelf = Shelf::new();
        assert_eq!(shelf.wanted, 1);
        for wanted in [2, 4, 8, 8] {
            assert!(shelf.take().is_none());
            assert_eq!(shelf.wanted, wanted);
        }
        for wanted in [4, 2, 1, 1] {
            shelf.halved -= PATIENCE;
            shelf.needed -= PATIENCE;
            shelf.review();
            assert_eq!(shelf.wanted, wanted);
            shelf.review();
            assert_eq!(shelf.wanted, wanted, "no longer than that");
        }
        shelf.wanted = 8;
        shelf.halved -= PATIENCE;
        shelf.take();
        shelf.review();
        assert_eq!(shelf.wanted, 8, "it was needed a moment ago");
    }
}
