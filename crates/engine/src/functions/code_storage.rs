//! How many bytes the account's packages have, and that they never exceed the account's limit.

use super::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The account's total. Room is taken before a package is written and given back when it is gone.
#[derive(Clone)]
pub(super) struct CodeStorage {
    used: Arc<AtomicU64>,
    bytes_max: u64,
}

/// Room for one package; given back unless kept.
pub(super) struct Room {
    storage: CodeStorage,
    bytes: u64,
}

impl CodeStorage {
    pub(super) fn new(bytes_max: u64, used: u64) -> Self {
        Self {
            used: Arc::new(AtomicU64::new(used)),
            bytes_max,
        }
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self, bytes: u64) -> Result<Room, Error> {
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map_err(|_| Error::CodeStorageExceeded)?;
        Ok(Room {
            storage: self.clone(),
            bytes,
        })
    }

    pub(super) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Room {
    /// The package stays.
    pub(super) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.storage.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_and_given_back_unless_kept() {
        let storage = CodeStorage::new(100, 40);
        assert!(matches!(storage.take(61), Err(Error::CodeStorageExceeded)));
        let room = storage.take(60).unwrap();
        assert!(storage.take(1).is_err());
        drop(room);
        storage.take(50).unwrap().keep();
        assert_eq!(storage.used(), 90);
        assert!(storage.take(u64::MAX).is_err());
        storage.give_back(50);
        assert_eq!(storage.used(), 40);
    }
}
