//! Settling: what was acknowledged becomes live.
//!
//! ```text
//! Pending -> Active        InProgress -> Successful
//! ```
//! The row is replaced first, so that what invokes run is always durable.

use super::{Error, Inner};
use lambkin_model::{Function, FunctionName, LastUpdate, State, Version};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// A created function is settled at once: nothing ran before it.
pub(super) const AFTER_CREATE: Duration = Duration::ZERO;

/// An update stays InProgress long enough for a client that sends a second one at once to be told so,
/// as AWS does, and short enough for a saved change to be live in well under a second.
pub(super) const AFTER_UPDATE: Duration = Duration::from_millis(150);

/// How often it is looked whether the last environment of a replaced package has ended.
const UNUSED_PAUSE: Duration = Duration::from_millis(500);

/// Pauses after failed tries: a store that is out of service may come back. What stays unsettled after
/// them is settled at the next start.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

impl Inner {
    /// Settles whatever of this name is unsettled, after a while.
    pub(super) fn settle_soon(self: &Arc<Self>, name: &FunctionName, after: Duration) {
        let (inner, name) = (Arc::clone(self), name.clone());
        self.tasks
            .spawn(async move { inner.settle(&name, after).await });
    }

    async fn settle(self: &Arc<Self>, name: &FunctionName, after: Duration) {
        self.tasks.pause(after).await;
        for pause in PAUSES {
            match self.settle_now(name).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(function = %name, %error, "cannot settle"),
            }
            if !self.tasks.pause(pause).await {
                break;
            }
        }
        tracing::error!(function = %name, "not settled; the next start will do it");
    }

    async fn settle_now(self: &Arc<Self>, name: &FunctionName) -> Result<(), Error> {
        let _turn = self.turns.take(name).await;
        let Some(current) = self.registry.get(name) else {
            return Ok(());
        };
        let Some(settled) = settled(&current).map(Arc::new) else {
            return Ok(());
        };
        let rows = self.store.functions();
        rows.replace(Arc::clone(&settled), current.revision_id)
            .await?;
        // What the old one needed meanwhile is not needed any more.
        self.pools.foresee(&settled);
        if let Some(before) = self.registry.settle(Arc::clone(&settled)) {
            self.pools.retire(name, Version::Latest);
            if before.code.blob != settled.code.blob {
                self.discard_when_unused(vec![before]);
            }
        }
        self.pools.prepare(&settled);
        Ok(())
    }

    /// A row is gone that these, of one package, were the functions of. It counts no more, but invokes that were placed
    /// before may still need a new environment of its package.
    pub(super) fn discard_when_unused(self: &Arc<Self>, of_row: Vec<Arc<Function>>) {
        let Some(code) = of_row.first().map(|function| function.code.clone()) else {
            return;
        };
        self.packages.give_back(&code);
        let users: Vec<_> = of_row.iter().map(Arc::downgrade).collect();
        drop(of_row);
        let inner = Arc::clone(self);
        self.tasks.spawn(async move {
            while users.iter().any(|user| user.strong_count() > 0) {
                if !inner.tasks.pause(UNUSED_PAUSE).await {
                    return; // The next start sweeps it.
                }
            }
            let have_others = || inner.registry.has_code(&code.sha256);
            inner.packages.discard(&code, have_others).await;
        });
    }
}

/// The function as it is once settled, under a new revision; `None` if it is settled already.
pub(super) fn settled(function: &Function) -> Option<Function> {
    let unsettled =
        function.state == State::Pending || function.last_update == Some(LastUpdate::InProgress);
    unsettled.then(|| Function {
        state: State::Active,
        last_update: Some(LastUpdate::Successful),
        revision_id: Uuid::new_v4(),
        ..function.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_pending_or_in_progress_settles_once_under_a_new_revision() {
        let active = crate::testing::function("f", BTreeMap::new());
        let pending = Function {
            state: State::Pending,
            last_update: None,
            ..active.clone()
        };
        let updating = Function {
            last_update: Some(LastUpdate::InProgress),
            ..active
        };
        for unsettled in [pending, updating] {
            let done = settled(&unsettled).unwrap();
            assert_eq!(
                (done.state, done.last_update),
                (State::Active, Some(LastUpdate::Successful))
            );
            assert_ne!(done.revision_id, unsettled.revision_id);
            assert!(settled(&done).is_none());
        }
    }
}
