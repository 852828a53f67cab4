//! How many queries one environment may make. Names can carry data out, so their number is bounded; programs that ask
//! for many at once wait for a moment, and only who goes on is refused.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Twenty a second.
const INTERVAL: Duration = Duration::from_millis(50);
/// A hundred at once.
const BURST: Duration = INTERVAL.saturating_mul(100);
/// How long a query may wait for its turn: shorter than resolvers of programs do.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Queries of one environment that are on their way to resolvers; each has a descriptor of the server.
const ON_THEIR_WAY_MAX: usize = 16;

/// One environment's account.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// Until when all that were made are paid for.
    paid_until: Mutex<Instant>,
    on_their_way: Semaphore,
}

impl Allowance {
    /// With the whole burst left.
    pub(crate) fn new() -> Self {
        Self {
            paid_until: Mutex::new(Instant::now()),
            on_their_way: Semaphore::new(ON_THEIR_WAY_MAX),
        }
    }

    /// When the next one may be made; `None` if it may not.
    pub(super) fn turn(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut paid_until = self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let paid = now.max(*paid_until) + INTERVAL;
        let turn = paid.checked_sub(BURST).map_or(now, |turn| turn.max(now));
        if turn - now > WAIT_MAX {
            return None;
        }
        *paid_until = paid;
        Some(turn)
    }

    /// Places on the way to resolvers.
    pub(super) fn places(&self) -> &Semaphore {
        &self.on_their_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hundred_go_at_once_some_wait_and_the_rest_is_refused() {
        let allowance = Allowance::new();
        let start = Instant::now();
        let turns: Vec<_> = (0..500).map(|_| allowance.turn()).collect();
        let at_once = turns.iter().filter(|turn| **turn == Some(start)).count();
        let granted = turns.iter().flatten().count();
        assert_eq!((at_once, granted), (100, 160));
        assert_eq!(turns[159], Some(start + WAIT_MAX));
        tokio::time::advance(Duration::from_secs(1)).await;
        let later = (0..500).filter(|_| allowance.turn().is_some()).count();
        assert_eq!(later, 20);
    }
}
