//! How many invocations run at once, and that none begins after the end has.
//!
//! One atomic counter for the account, as its limit is the account's: no lock, no queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;

/// Set in the counter when no invocation may begin any more.
const CLOSED: u32 = 1 << 31;

/// The account's concurrency.
#[derive(Clone, Debug)]
pub(crate) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: u32,
    running: AtomicU32,
    drained: Notify,
}

/// Why an invocation is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many run as may.
    Limit,
    /// The server is ending.
    Closed,
}

/// The right to run one invocation; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Admission);

impl Admission {
    /// At most `limit` at once.
    pub(crate) fn new(limit: u32) -> Self {
        let limit = limit.min(CLOSED - 1);
        Self(Arc::new(Inner {
            limit,
            running: AtomicU32::new(0),
            drained: Notify::new(),
        }))
    }

    /// Takes a place, or says why there is none.
    pub(crate) fn enter(&self) -> Result<Permit, Refused> {
        let enter = |running: u32| (running < self.0.limit).then_some(running + 1);
        match self
            .0
            .running
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter)
        {
            Ok(_) => Ok(Permit(self.clone())),
            Err(running) if running >= CLOSED => Err(Refused::Closed),
            Err(_) => Err(Refused::Limit),
        }
    }

    /// Admits nobody from now on and resolves when the last one has left.
    pub(crate) async fn close(&self) {
        self.0.running.fetch_or(CLOSED, Ordering::AcqRel);
        loop {
            let drained = self.0.drained.notified();
            if self.0.running.load(Ordering::Acquire) == CLOSED {
                return;
            }
            drained.await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let inner = &self.0.0;
        if inner.running.fetch_sub(1, Ordering::AcqRel) == CLOSED + 1 {
            inner.drained.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_limit_holds_and_places_come_back() {
        let admission = Admission::new(2);
        let first = admission.enter().unwrap();
        let _second = admission.enter().unwrap();
        assert_eq!(admission.enter().unwrap_err(), Refused::Limit);
        drop(first);
        assert!(admission.enter().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_the_last_one() {
        let admission = Admission::new(2);
        let permit = admission.enter().unwrap();
        let closing = admission.close();
        tokio::pin!(closing);
        assert!(
            tokio::time::timeout(Duration::from_secs(1), &mut closing)
                .await
                .is_err()
        );
        assert_eq!(admission.enter().unwrap_err(), Refused::Closed);
        drop(permit);
        closing.await;
    }
}
