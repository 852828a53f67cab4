//! The task that makes what is lacking: one sandbox at a time, and none while somebody waits for an environment.

use super::Ready;
use crate::environment::Host;
use std::sync::Arc;
use std::time::Duration;

/// After the last environment that was made for an invocation, and between two looks whether one is being made: its
/// INIT and the first invokes come first.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks at what waits.
const REVIEW: Duration = Duration::from_secs(30);
/// After a failure, which the next try is likely to meet again.
const AFTER_FAILURE: Duration = Duration::from_secs(10);

/// Until the server stops; then destroys all that is kept.
pub(crate) async fn fill(host: Arc<Host>) {
    let work = async {
        loop {
            make_what_lacks(&host).await;
            tokio::select! {
                () = host.reserve.changed.notified() => {}
                () = tokio::time::sleep(REVIEW) => {}
            }
            let gone = host.reserve.shelves().review();
            drop(gone);
        }
    };
    tokio::select! {
        () = work => {}
        () = host.stop.cancelled() => {}
    }
    let all = host.reserve.shelves().clear();
    for ready in all {
        ready.destroy().await;
    }
}

async fn make_what_lacks(host: &Host) {
    loop {
        let_others_go_first(host).await;
        let Some((recipe, gone)) = host.reserve.shelves().lack() else {
            return;
        };
        drop(gone);
        if host.short_of(recipe.memory_bytes()) > 0 {
            return;
        }
        match Ready::make(&host.reserve.spawner, &recipe).await {
            Ok(ready) => {
                let unwanted = host.reserve.shelves().put(&recipe, ready);
                drop(unwanted);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot make a sandbox ahead");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn let_others_go_first(host: &Host) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if !host.reserve.is_held_off() {
            return;
        }
    }
}
