//! Sandboxes that are made before they are needed, and programs in them that wait to be told for which function.
//!
//! ```text
//! a function is deployed ──▶ its recipe has a shelf ──▶ the filler makes sandboxes of that recipe, one at a time,
//!                                                        while nobody waits for an environment
//! an environment is needed ──▶ take ──▶ code is mounted, and the program told its environment (`ready`)
//!                                └─ none there ─▶ made from nothing, and more are kept from then on
//! the last function of a recipe changes or goes ──▶ its sandboxes are destroyed
//! ```
//! What is kept has run nothing of any function, and serves one environment: nothing ever comes back. Functions share
//! sandboxes made ahead if their recipes are equal in all but code: memory, /tmp, runtime, interpreter and SDK.
//!
//! Refuses: what an environment is (`environment`), how a runtime starts (`runtimes`).

mod aside;
mod filler;
mod ready;
mod recipe;
mod shelves;

pub(crate) use aside::{Aside, Taken};
pub(crate) use filler::fill;
pub(crate) use ready::Ready;
pub(crate) use recipe::Recipe;

use lambkin_model::FunctionName;
use lambkin_sandbox::Spawner;
use shelves::Shelves;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// All that is kept. Its lock is held for moments, and only when functions are deployed or environments made.
pub(crate) struct Reserve {
    spawner: Spawner,
    aside: Aside,
    shelves: Mutex<Shelves>,
    changed: Notify,
    /// Environments that are being made for an invocation: the filler waits for them.
    urgent: AtomicUsize,
}

impl Reserve {
    /// Keeps sandboxes in that much memory, in bytes; 0 is none at all.
    pub(crate) fn new(spawner: Spawner, bytes_max: u64) -> Self {
        let aside = Aside::default();
        let shelves = Shelves::new(bytes_max, aside.clone());
        Self {
            spawner,
            aside,
            shelves: Mutex::new(shelves),
            changed: Notify::new(),
            urgent: AtomicUsize::new(0),
        }
    }

    /// From now on environments of that function are made by that recipe.
    pub(crate) fn serve(&self, function: &FunctionName, recipe: &Arc<Recipe>) {
        let gone = self.shelves().serve(function, recipe);
        drop(gone);
        self.changed.notify_one();
    }

    /// The function is gone.
    pub(crate) fn forget(&self, function: &FunctionName) {
        let gone = self.shelves().forget(function);
        drop(gone);
    }

    /// One by that recipe. With a function it is for, whose recipe it is from now on.
    pub(crate) fn take(
        &self,
        function: Option<&FunctionName>,
        recipe: &Arc<Recipe>,
    ) -> Option<Ready> {
        let (taken, gone) = self.shelves().take(function, recipe);
        drop(gone);
        self.changed.notify_one();
        taken
    }

    /// Where others take of the memory for what is kept.
    pub(crate) fn aside(&self) -> &Aside {
        &self.aside
    }

    /// Others have taken more: what there is no room for any more goes.
    pub(crate) fn make_way(&self) {
        let gone = self.shelves().make_way();
        drop(gone);
    }

    /// Looks at what waits: at one shelf after the other, so that whoever needs an environment does not wait for all.
    fn review(&self) {
        let recipes = self.shelves().recipes();
        for recipe in recipes {
            let gone = self.shelves().review(&recipe);
            drop(gone);
        }
        self.make_way();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.shelves().len()
    }

    /// Destroys up to so many, for want of memory or of descriptors.
    pub(crate) fn give_up(&self, count: usize) {
        let gone = self.shelves().give_up(count);
        drop(gone);
    }

    /// Somebody waits for an environment until what is returned is dropped.
    pub(crate) fn hold_off(&self) -> Urgent<'_> {
        self.urgent.fetch_add(1, Ordering::Relaxed);
        Urgent(self)
    }

    /// Resolves when nobody waits for an environment; it is looked after each such time.
    pub(crate) async fn until_nobody_waits(&self, pause: Duration) {
        loop {
            tokio::time::sleep(pause).await;
            if !self.is_held_off() {
                return;
            }
        }
    }

    fn is_held_off(&self) -> bool {
        self.urgent.load(Ordering::Relaxed) > 0
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the filler from taking time that an environment needs.
pub(crate) struct Urgent<'r>(&'r Reserve);

impl Drop for Urgent<'_> {
    fn drop(&mut self) {
        self.0.urgent.fetch_sub(1, Ordering::Relaxed);
    }
}
