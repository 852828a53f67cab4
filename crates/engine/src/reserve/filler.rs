//! The task that makes what is lacking: one sandbox at a time, and none while somebody waits for an environment.

use super::Ready;
use super::shelves::next;
use crate::environment::Host;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

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
        let mut reviews = reviews();
        loop {
            make_what_lacks(&host).await;
            if is_review(&host.reserve.changed, &mut reviews).await {
                host.reserve.review();
            }
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

fn reviews() -> Interval {
    let mut reviews = interval_at(Instant::now() + REVIEW, REVIEW);
    reviews.set_missed_tick_behavior(MissedTickBehavior::Delay);
    reviews
}

/// Resolves when something changed, or it is time for a review, which no number of changes puts off.
async fn is_review(changed: &Notify, reviews: &mut Interval) -> bool {
    tokio::select! {
        biased;
        _ = reviews.tick() => true,
        () = changed.notified() => false,
    }
}

async fn make_what_lacks(host: &Host) {
    loop {
        host.reserve.until_nobody_waits(PAUSE).await;
        host.memory.look();
        let has_room = || host.has_room_for(EXPECTED_BYTES);
        let Some((recipe, gone)) = next(|| host.reserve.shelves(), has_room) else {
            return;
        };
        drop(gone);
        match Ready::make(&host.reserve.spawner, &recipe).await {
            Ok(ready) => {
                let bytes = ready.bytes();
                let unwanted = host.reserve.shelves().put(&recipe, ready, bytes);
                drop(unwanted);
                // It may have turned out to be larger than those before.
                host.reserve.make_way();
            }
            Err(error) => {
                tracing::warn!(%error, "cannot make a sandbox ahead");
                host.reserve.shelves().failed(&recipe);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn changes_bring_no_review_about_and_put_none_off() {
        let (changed, mut reviews) = (Notify::new(), reviews());
        let begin = Instant::now();
        let mut at = Vec::new();
        while begin.elapsed() < REVIEW * 3 {
            changed.notify_one();
            if is_review(&changed, &mut reviews).await {
                at.push(begin.elapsed().as_secs());
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(at, [30, 60]);
        assert!(is_review(&changed, &mut reviews).await, "at rest as well");
    }
}
