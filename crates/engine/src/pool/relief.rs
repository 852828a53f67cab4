//! Empties the memory of environments that rest before others would have to end for want of it.
//!
//! Looks now and then, and does nothing where the machine has no swap that may be used, or plenty of memory. One
//! environment at a time, the longest frozen first, until there is plenty; each once for each time it is frozen, so
//! that what is used keeps its pages.

use super::{Generation, Pools};
use crate::environment::{PushedOut, Slot};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two small files are read each time, where there is swap.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Until the server ends.
pub(crate) async fn relieve(pools: Arc<Pools>) {
    let stop = &pools.host.stop;
    while stop
        .run_until_cancelled(tokio::time::sleep(LOOK_EVERY))
        .await
        .is_some()
    {
        for (generation, slot) in due(&pools) {
            if is_wanted(&pools) && !stop.is_cancelled() {
                // The server's end closes swap to all, and waits for none that the kernel is at.
                stop.run_until_cancelled(push_out(&pools, &generation, slot))
                    .await;
            }
        }
    }
}

fn is_wanted(pools: &Pools) -> bool {
    pools.host.swap.room_bytes() > 0 && pools.host.memory.is_scarce()
}

/// Those whose pages may leave, in their order.
fn due(pools: &Pools) -> Vec<(Arc<Generation>, Arc<Slot>)> {
    if !is_wanted(pools) {
        return Vec::new();
    }
    let mut resting = pools.resting();
    resting.retain(|(_, _, slot)| slot.may_be_pushed_out());
    let found = resting.into_iter();
    found
        .map(|(_, generation, slot)| (generation, slot))
        .collect()
}

/// The kernel is at it for some time, in a thread where that holds up nobody.
async fn push_out(pools: &Pools, generation: &Generation, slot: Arc<Slot>) {
    let (began, room) = (Instant::now(), pools.host.swap.room_bytes());
    let pushed = tokio::task::spawn_blocking(move || slot.push_out(room)).await;
    let function = &generation.function().name;
    match pushed {
        Ok(Ok(Some(PushedOut { before, after }))) => tracing::debug!(
            %function,
            before,
            after,
            took_ms = began.elapsed().as_millis(),
            "pushed an environment's pages out"
        ),
        Ok(Ok(None)) => {}
        Ok(Err(error)) => {
            tracing::warn!(%function, %error, "cannot push an environment's pages out")
        }
        Err(error) => tracing::error!(%error, "pushing pages out ended"),
    }
}
