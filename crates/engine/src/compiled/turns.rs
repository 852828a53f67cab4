//! Who compiles when: a second after it was wanted, one after the other, and when no environment is being made or that
//! takes long.
//!
//! ```text
//! a place ──▶ a second ──▶ its turn, if it is wanted still ──▶ nobody waits, or for ten seconds somebody did ──▶ work
//! ```
//! Who waits for its turn has nothing but its place.

use super::NotCompiled;
use futures_util::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Compiled at one time: more would only share the cores, which environments need.
const AT_ONE_TIME: usize = 1;
/// Packages that wait for their turn, each a few strings: as many functions as are deployed at one time. Others are asked
/// for again with their next environment.
const WAITING_MAX: usize = 4_096;
/// From the sandbox's making until all is unpacked. The compiler ends by itself before, with what it has.
pub(super) const TIME_MAX: Duration = Duration::from_secs(60);
/// From the deployment, or from the environment that lacked it: mostly one loads the code just then, for the first time.
const DELAY: Duration = Duration::from_secs(1);
/// Where environments are made all the time, half a core is taken from them rather than that all of them compile.
const HOLD_OFF_MAX: Duration = Duration::from_secs(10);

/// Who compiles.
pub(crate) struct Compiler {
    turns: Semaphore,
    places: Semaphore,
}

impl Compiler {
    pub(crate) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_ONE_TIME),
            places: Semaphore::new(WAITING_MAX),
        }
    }

    /// Does the work in its turn, if it is wanted then; it is given up when it takes too long, and a panic ends it alone.
    /// Cancel safe.
    pub(super) async fn in_turn<T>(
        &self,
        is_wanted: impl FnOnce() -> bool,
        nobody_waits: impl Future<Output = ()>,
        work: impl Future<Output = Result<T, NotCompiled>>,
    ) -> Result<T, NotCompiled> {
        let place = self.places.try_acquire();
        let _place = place.map_err(|_| NotCompiled::NoPlace)?;
        sleep(DELAY).await;
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await;
        // What is replaced as fast as it is deployed costs the others no time.
        if !is_wanted() {
            return Err(NotCompiled::Unwanted);
        }
        let _ = timeout(HOLD_OFF_MAX, nobody_waits).await;
        // What it shares with others is whole at every moment.
        let work = AssertUnwindSafe(work).catch_unwind();
        let done = timeout(TIME_MAX, work).await;
        let done = done.unwrap_or(Ok(Err(NotCompiled::TooSlow)));
        done.unwrap_or(Err(NotCompiled::Panicked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::{join, join_all, pending, ready};
    use std::sync::Mutex;
    use tokio::time::Instant;

    const WORK: Duration = Duration::from_secs(5);

    /// Works that begin, each with the time since the first was asked for.
    struct Begun(Instant, Mutex<Vec<Duration>>);

    impl Begun {
        fn new() -> Self {
            Self(Instant::now(), Mutex::default())
        }

        async fn work(&self) -> Result<(), NotCompiled> {
            self.1.lock().unwrap().push(self.0.elapsed());
            sleep(WORK).await;
            Ok(())
        }

        fn seconds(self) -> Vec<u64> {
            let times = self.1.into_inner().unwrap();
            times.iter().map(Duration::as_secs).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_begins_a_second_later_and_the_others_one_by_one() {
        let (compiler, begun) = (Compiler::new(), Begun::new());
        let one = || compiler.in_turn(|| true, ready(()), begun.work());
        let done = join_all([one(), one(), one()]).await;
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(begun.seconds(), [1, 6, 11]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_wants_in_its_turn_takes_no_time_of_it() {
        let (compiler, begun) = (Compiler::new(), Begun::new());
        let asked = Instant::now();
        // Whether it is wanted is asked when its turn comes, and not before.
        let until = |seconds| move || asked.elapsed() < Duration::from_secs(seconds);
        let one = |wanted| compiler.in_turn(until(wanted), ready(()), begun.work());
        let done = join_all([one(100), one(5), one(100), one(1)]).await;
        assert!(matches!(done[1], Err(NotCompiled::Unwanted)));
        assert!(matches!(done[3], Err(NotCompiled::Unwanted)));
        assert_eq!(begun.seconds(), [1, 6]);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_wait_are_bounded_and_the_others_told_at_once() {
        let (compiler, asked) = (Compiler::new(), Instant::now());
        let one = || compiler.in_turn(|| true, ready(()), ready(Ok(())));
        let too_many = async {
            let refused = one().await;
            assert!(matches!(refused, Err(NotCompiled::NoPlace)));
            assert_eq!(asked.elapsed(), Duration::ZERO);
        };
        let all = join_all((0..WAITING_MAX).map(|_| one()));
        let (done, ()) = join(all, too_many).await;
        assert!(done.iter().all(Result::is_ok));
        assert!(one().await.is_ok(), "there are places again");
    }

    #[tokio::test(start_paused = true)]
    async fn environments_that_are_being_made_hold_it_off_for_a_while() {
        let (compiler, begun) = (Compiler::new(), Begun::new());
        let soon = sleep(Duration::from_secs(4));
        assert!(compiler.in_turn(|| true, soon, begun.work()).await.is_ok());
        let never = pending();
        assert!(compiler.in_turn(|| true, never, begun.work()).await.is_ok());
        assert_eq!(begun.seconds(), [4, 9 + 1 + 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_is_told_and_the_turn_is_the_next_ones() {
        let (compiler, begun) = (Compiler::new(), Begun::new());
        let panics = async { panic!("for the test") };
        let done: Result<(), _> = compiler.in_turn(|| true, ready(()), panics).await;
        assert!(matches!(done, Err(NotCompiled::Panicked)));
        let next = compiler.in_turn(|| true, ready(()), begun.work()).await;
        assert!(next.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_given_up_and_the_turn_is_the_next_ones() {
        let (compiler, begun) = (Compiler::new(), Begun::new());
        let hangs = compiler.in_turn(|| true, ready(()), pending::<Result<(), _>>());
        let next = compiler.in_turn(|| true, ready(()), begun.work());
        let (given_up, done) = join(hangs, next).await;
        assert!(matches!(given_up, Err(NotCompiled::TooSlow)) && done.is_ok());
        assert_eq!(begun.seconds(), [1 + TIME_MAX.as_secs()]);
    }
}
