//! Looks after the invocations that wait for an environment, so that none waits for longer than it is worth.
//!
//! There is one task for each generation whose callers wait, and none for the others: it sleeps until the first one
//! has waited for as long as a start takes.

use super::Generation;
use std::sync::Arc;

/// Until nobody waits, or the server ends.
pub(super) async fn over(generation: Arc<Generation>) {
    let mut look = generation.next_look();
    while let Some(due) = look {
        tokio::select! {
            () = tokio::time::sleep_until(due) => look = generation.look(),
            () = generation.host().stop.cancelled() => return generation.give_up(),
        }
    }
}
