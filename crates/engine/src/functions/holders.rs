//! How many rows name each package: a version shares that of the function which it was published from.
//!
//! One row is the rule, and takes no memory here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Rows beyond the first, by package.
#[derive(Default)]
pub(super) struct Holders(Mutex<HashMap<Uuid, u32>>);

impl Holders {
    /// Counts all rows that there are.
    pub(super) fn of(rows: impl Iterator<Item = Uuid>) -> Self {
        let mut counts: HashMap<Uuid, u32> = HashMap::new();
        rows.for_each(|blob| *counts.entry(blob).or_default() += 1);
        counts.retain(|_, rows| {
            *rows -= 1;
            *rows > 0
        });
        counts.shrink_to_fit();
        Self(Mutex::new(counts))
    }

    /// One row more names a package that another names already.
    pub(super) fn join(&self, blob: Uuid) {
        *self.lock().entry(blob).or_default() += 1;
    }

    /// A row names it no more. True if it was the last one.
    pub(super) fn leave(&self, blob: Uuid) -> bool {
        match self.lock().entry(blob) {
            Entry::Vacant(_) => true,
            Entry::Occupied(mut rows) => {
                *rows.get_mut() -= 1;
                if *rows.get() == 0 {
                    rows.remove();
                }
                false
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_goes_with_the_last_row_that_names_it() {
        let [lone, shared] = [1, 2].map(Uuid::from_u128);
        let holders = Holders::of([shared, lone, shared].into_iter());
        assert!(holders.leave(lone));
        holders.join(shared);
        assert!(!holders.leave(shared) && !holders.leave(shared));
        assert!(holders.leave(shared));
        assert!(holders.lock().is_empty());
    }
}
