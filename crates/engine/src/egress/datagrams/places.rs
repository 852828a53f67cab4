//! How many flows all environments may have together: each is a descriptor of the server.
//!
//! The first half goes to whoever comes, the second to those that have few: nobody's flood takes the last.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many are few: a resolver or two, a clock, a log.
const FEW: usize = 8;

/// The places of one server.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    taken: AtomicUsize,
}

/// One that is taken, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Places>);

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        let taken = AtomicUsize::new(0);
        Self { most, taken }
    }

    /// One more for an environment that has so many.
    pub(super) fn take(self: &Arc<Self>, has: usize) -> Option<Place> {
        let most = if has < FEW { self.most } else { self.most / 2 };
        let one_more = |taken| (taken < most).then_some(taken + 1);
        let taken = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.ok().map(|_| Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_many_leaves_half_to_those_that_have_few() {
        let places = Arc::new(Places::new(40));
        let greedy: Vec<Place> = (0..100).filter_map(|has| places.take(has)).collect();
        assert_eq!(greedy.len(), 20);
        let modest: Vec<Place> = (0..100).filter_map(|has| places.take(has % 8)).collect();
        assert_eq!(modest.len(), 20);
        assert!(places.take(0).is_none());
        drop(modest);
        assert!(places.take(FEW).is_none() && places.take(0).is_some());
        drop(greedy);
        assert!(places.take(FEW).is_some());
    }
}
