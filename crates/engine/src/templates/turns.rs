//! Who loads when: one after the other, without waiting for ever for one that is slow.
//!
//! ```text
//! a place ──▶ turn ──▶ work ──▶ done
//!                        └─ 10 s ──▶ slow, if not too many are: goes on, and the turn is the next one's
//! ```
//! More at one time would only share the cores, which environments need. Who waits for its turn has nothing but its place.

use super::loading::NotLoaded;
use futures_util::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Most code is loaded by then, at half a core.
const TURN: Duration = Duration::from_secs(10);

/// Versions that wait for their turn, or load: as many functions as are deployed at one time. Others are asked for again
/// with their next environment.
const WAITING_MAX: usize = 4_096;

pub(super) struct Turns {
    places: Semaphore,
    next: Semaphore,
    slow: Semaphore,
}

impl Turns {
    /// As many slow ones as half of the cores: with half a core each they have a quarter of them at most.
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with_slow(cores.div_ceil(2))
    }

    fn with_slow(count: usize) -> Self {
        Self {
            places: Semaphore::new(WAITING_MAX),
            next: Semaphore::new(1),
            slow: Semaphore::new(count),
        }
    }

    /// Does the work in its turn, unless too many wait for theirs; a panic ends the work alone. Cancel safe.
    pub(super) async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, NotLoaded>>,
    ) -> Result<T, NotLoaded> {
        let place = self.places.try_acquire();
        let _place = place.map_err(|_| NotLoaded::NoPlace)?;
        // Semaphores are never closed.
        let turn = self.next.acquire().await;
        // What it shares with others is whole at every moment.
        let work = AssertUnwindSafe(work).catch_unwind();
        let work = work.map(|done| done.unwrap_or(Err(NotLoaded::Panicked)));
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(TURN) => {}
        }
        let _slow = tokio::select! {
            done = &mut work => return done,
            slow = self.slow.acquire() => slow,
        };
        drop(turn);
        work.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{join_all, join3, ready};
    use tokio::time::{Instant, sleep};

    /// When works of so many seconds are done, if they come in this order.
    async fn ends(turns: &Turns, works: &[u64]) -> Vec<u64> {
        let begin = Instant::now();
        let run = async |seconds: &u64| {
            let time = Duration::from_secs(*seconds);
            let work = async {
                sleep(time).await;
                Ok(())
            };
            turns.run(work).await.unwrap();
            begin.elapsed().as_secs()
        };
        join_all(works.iter().map(run)).await
    }

    #[tokio::test(start_paused = true)]
    async fn quick_ones_take_turns_and_slow_ones_hold_up_nobody_for_long() {
        let turns = Turns::with_slow(2);
        assert_eq!(ends(&turns, &[3, 3, 3]).await, [3, 6, 9]);
        assert_eq!(ends(&turns, &[120, 3, 3]).await, [120, 13, 16]);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_slow_ones_and_one_more_load_at_a_time() {
        let turns = Turns::with_slow(2);
        let ends = ends(&turns, &[100, 100, 100, 5]).await;
        assert_eq!(ends, [100, 110, 120, 105]);
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_turn_is_the_next_ones() {
        let turns = Turns::with_slow(1);
        let done: Result<(), _> = turns.run(async { panic!("for the test") }).await;
        assert!(matches!(done, Err(NotLoaded::Panicked)));
        assert_eq!(turns.run(ready(Ok(7))).await.ok(), Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_are_bounded_and_the_others_told_at_once() {
        let (turns, asked) = (Turns::with_slow(1), Instant::now());
        let one = || turns.run(ready(Ok(())));
        let too_many = async {
            assert!(matches!(one().await, Err(NotLoaded::NoPlace)));
        };
        let holds = turns.run(async {
            sleep(Duration::from_secs(1)).await;
            Ok(())
        });
        let others = join_all((1..WAITING_MAX).map(|_| one()));
        let (held, done, ()) = join3(holds, others, too_many).await;
        assert!(held.is_ok() && done.iter().all(Result::is_ok));
        assert_eq!(asked.elapsed(), Duration::from_secs(1));
        assert!(one().await.is_ok(), "there are places again");
    }
}
