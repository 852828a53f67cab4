//! Verbs on one name take turns, so that each sees what the one before it left.
//!
//! There is a lock for each name that somebody uses or waits for, and for no other.

use lambkin_model::FunctionName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

type Lock = Arc<tokio::sync::Mutex<()>>;
type Locks = Mutex<HashMap<FunctionName, Lock>>;

/// The locks in use.
#[derive(Default)]
pub(super) struct Turns {
    locks: Arc<Locks>,
}

/// The right to change what is under one name. Dropping it lets the next one in.
pub(super) struct Turn {
    // Dropped before the place, which looks whether anybody else is left.
    _guard: OwnedMutexGuard<()>,
    _place: Place,
}

/// A place in the queue for a name.
struct Place {
    name: FunctionName,
    lock: Lock,
    locks: Arc<Locks>,
}

impl Turns {
    /// Waits until no other verb works on this name.
    pub(super) async fn take(&self, name: &FunctionName) -> Turn {
        let place = self.place(name);
        let guard = Arc::clone(&place.lock).lock_owned().await;
        Turn {
            _guard: guard,
            _place: place,
        }
    }

    fn place(&self, name: &FunctionName) -> Place {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = Arc::clone(locks.entry(name.clone()).or_default());
        Place {
            name: name.clone(),
            lock,
            locks: Arc::clone(&self.locks),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        // The map's and this one: nobody else uses the lock, and none can come while the map is locked.
        if Arc::strong_count(&self.lock) == 2 {
            locks.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn one_name_has_one_turn_and_others_do_not_wait() {
        let (turns, [a, b]) = (Turns::default(), names());
        let first = turns.take(&a).await;
        let mut second = Box::pin(turns.take(&a));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(turns.take(&b).now_or_never().is_some());
        drop(first);
        assert!(second.now_or_never().is_some());
    }

    #[tokio::test]
    async fn no_lock_is_left_behind() {
        let (turns, [a, _]) = (Turns::default(), names());
        let first = turns.take(&a).await;
        let mut given_up = Box::pin(turns.take(&a));
        assert!(given_up.as_mut().now_or_never().is_none());
        drop(first);
        assert_eq!(turns.locks.lock().unwrap().len(), 1, "somebody waits");
        drop(given_up);
        assert!(turns.locks.lock().unwrap().is_empty());
        drop(turns.take(&a).await);
        assert!(turns.locks.lock().unwrap().is_empty());
    }

    fn names() -> [FunctionName; 2] {
        ["a", "b"].map(|name| FunctionName::new(name).unwrap())
    }
}
