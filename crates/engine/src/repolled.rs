//! A connection's future, which often wakes itself while it is polled: as a body is read, hyper's halves of the
//! connection wake each other. It is polled again there and then.
//!
//! ```text
//! IDLE   ── poll ──▶ POLLED        IDLE   ── wake ──▶ WOKEN, and so is the task
//! POLLED ── pending ──▶ IDLE       POLLED ── wake ──▶ WOKEN
//! WOKEN  ── pending ──▶ polled again, `POLLS_MAX` times in all; then the task is woken
//! ```
//! To the scheduler each such wake is a task to be run: it wakes an idle processor for it, which takes the connection
//! over and finds nothing to do. That would cost each invoke two or three wake-ups.

use futures_util::task::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Polls in one: whoever wakes itself more often has its turn again after the others.
const POLLS_MAX: usize = 4;

const IDLE: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

/// `future`, polled again at once where it has been woken while it was polled.
pub fn repolled<F: Future>(future: F) -> impl Future<Output = F::Output> {
    // Beside it, as the argument of an async function and pinned there it would lie twice in each connection's task.
    let mut future = Box::pin(future);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    std::future::poll_fn(move |task| {
        wakes.task.register(task.waker());
        for _ in 0..POLLS_MAX {
            wakes.state.swap(POLLED, Ordering::AcqRel);
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_ready() || wakes.rest() {
                return polled;
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Where the wakes of one future arrive.
#[derive(Default)]
struct Wakes {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wakes {
    /// Whether nobody has woken it since it was polled; from then on a wake is the task's.
    fn rest(&self) -> bool {
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let rested = self.state.compare_exchange(POLLED, IDLE, order.0, order.1);
        rested.is_ok()
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Whoever polls sees it; else the first one since has the task polled.
    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    #[tokio::test]
    async fn a_future_that_wakes_itself_is_polled_again_at_once() {
        let mut polls = 0;
        let wakes_itself = poll_fn(|task| {
            polls += 1;
            task.waker().wake_by_ref();
            if polls < 3 {
                Poll::Pending
            } else {
                Poll::Ready(polls)
            }
        });
        assert_eq!(repolled(wakes_itself).now_or_never(), Some(3));
    }

    #[tokio::test]
    async fn one_that_always_does_lets_others_have_their_turn() {
        let polls = AtomicUsize::new(0);
        let restless = repolled(poll_fn(|task| {
            polls.fetch_add(1, Ordering::Relaxed);
            task.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        let turns = async {
            for turn in 1..=3 {
                tokio::task::yield_now().await;
                assert!(polls.load(Ordering::Relaxed) <= (turn + 1) * POLLS_MAX);
            }
        };
        tokio::select! {
            biased;
            () = restless => {}
            () = turns => {}
        }
        assert!(polls.load(Ordering::Relaxed) > POLLS_MAX);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_wake_of_others_is_lost() {
        let (there, mut here) = tokio::sync::mpsc::channel(1);
        let sender = tokio::spawn(async move {
            for number in 0..20_000 {
                there.send(number).await.unwrap();
            }
        });
        let all = tokio::spawn(repolled(async move {
            let mut count = 0;
            while here.recv().await.is_some() {
                count += 1;
            }
            count
        }));
        let count = tokio::time::timeout(Duration::from_secs(20), all).await;
        assert_eq!(count.expect("all of them arrive").unwrap(), 20_000);
        sender.await.unwrap();
    }
}
