//! What others take of the memory for what is kept: counted when it is taken, and until the last of it is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The sum of all that is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside(Arc<AtomicU64>);

/// Bytes that are taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    bytes: u64,
    of: Aside,
}

impl Aside {
    pub(crate) fn take(&self, bytes: u64) -> Taken {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Taken {
            bytes,
            of: self.clone(),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_counts_until_the_last_of_it_is_gone() {
        let aside = Aside::default();
        let template = Arc::new(aside.take(40));
        let other = aside.take(2);
        let clone = Arc::clone(&template);
        drop(template);
        assert_eq!(aside.bytes(), 42, "a clone lives on");
        drop(clone);
        assert_eq!(aside.bytes(), 2);
        drop(other);
        assert_eq!(aside.bytes(), 0);
    }
}
