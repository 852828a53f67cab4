//! The task that makes what is lacking: one sandbox at a time, and none while somebody waits for an environment.

use super::Ready;
use crate::environment::Host;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// After the last environment that was made for an invocation, and between two looks whether one is being made: its
/// INIT and the first invokes come first.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks at what waits.
const REVIEW: Duration = Duration::from_secs(30);
/// Of the machine's memory, for one more: an interpreter that does nothing.
const EXPECTED_BYTES: u64 = 64 << 20;

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
    let ends: JoinSet<()> = all.into_iter().map(Ready::destroy).collect();
    ends.join_all().await;
}

async fn make_what_lacks(host: &Host) {
    loop {
        host.reserve.until_nobody_waits(PAUSE).await;
        host.memory.look();
        let lack = host.reserve.shelves().lack();
        let Some((recipe, bytes)) = lack else {
            return;
        };
        // That counts as taken for a while: asked when one is made, and not before.
        if !host.has_room_for(EXPECTED_BYTES) {
            return;
        }
        let gone = host.reserve.shelves().make_room(bytes);
        drop(gone);
        match Ready::make(&host.reserve.spawner, &recipe).await {
            Ok(ready) => {
                let unwanted = host.reserve.shelves().put(&recipe, ready);
                drop(unwanted);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot make a sandbox ahead");
                host.reserve.shelves().failed(&recipe);
            }
        }
    }
}
