//! Work that goes on after its caller was answered: owned, and over when the server ends.

use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Verbs under way, functions that wait to be settled, packages that wait to be removed.
#[derive(Default)]
pub(super) struct Tasks {
    tracker: TaskTracker,
    closing: CancellationToken,
}

impl Tasks {
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.tracker.spawn(work)
    }

    /// Waits a while, or until the server ends: then false.
    pub(super) async fn pause(&self, length: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(length) => !self.closing.is_cancelled(),
            () = self.closing.cancelled() => false,
        }
    }

    /// Cuts pauses short and resolves when all work is done.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn closing_ends_pauses_and_waits_for_work() {
        let tasks = Arc::new(Tasks::default());
        assert!(tasks.pause(Duration::from_millis(1)).await);
        let inner = Arc::clone(&tasks);
        let paused = tasks.spawn(async move { inner.pause(Duration::from_secs(3_600)).await });
        tasks.close().await;
        assert!(paused.is_finished());
        assert!(!paused.await.unwrap());
    }
}
