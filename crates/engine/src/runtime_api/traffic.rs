//! The connections of one environment to its Runtime API, and which of them goes when there are too many.
//!
//! Owns: how much each connection matters at the moment. One that waits for an event or brings an answer is
//! kept; one that never finished a call goes first, then the one that has been silent for longest. So a
//! program that leaves connections half open takes places from them alone, and its runtime still gets through.
//! Refuses: clocks on heads and bodies. A frozen program's connections stand still, and may.

use super::pace::Pace;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Rank of a connection in the middle of a call.
const NEEDED: u64 = u64::MAX;
/// Rank of one that was told to close.
const CLOSING: u64 = NEEDED - 1;
/// In the rank of one that finished a call; below it is the time of the last.
const PROVEN: u64 = 1 << 62;

/// One environment's connections.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) pace: Pace,
    since: Instant,
    links: Mutex<Vec<Weak<Link>>>,
    /// Somebody waits for a connection to become of no use.
    crowded: AtomicBool,
    freed: Notify,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) traffic: Arc<Traffic>,
    /// The lowest is closed first.
    rank: AtomicU64,
    /// It was sent a large event and has not called since: it may still hold all of it.
    laden: AtomicBool,
    close: Notify,
}

impl Traffic {
    /// Without connections.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            pace: Pace::new(),
            since: Instant::now(),
            links: Mutex::default(),
            crowded: AtomicBool::new(false),
            freed: Notify::new(),
        })
    }

    /// One connection more.
    pub(crate) fn open(self: &Arc<Self>) -> Arc<Link> {
        let link = Arc::new(Link {
            traffic: Arc::clone(self),
            rank: AtomicU64::new(self.now()),
            laden: AtomicBool::new(false),
            close: Notify::new(),
        });
        let mut links = self.lock();
        links.retain(|link| link.strong_count() > 0);
        links.push(Arc::downgrade(&link));
        link
    }

    /// Whether there is a connection that may go.
    pub(crate) fn has_spare(&self) -> bool {
        // Before the look: a call that ends meanwhile is either seen by it or tells. One order for both sides.
        self.crowded.store(true, Ordering::SeqCst);
        let spare = self.spare().is_some();
        if spare {
            self.crowded.store(false, Ordering::SeqCst);
        }
        spare
    }

    /// Tells the least useful connection to close; false if all of them are needed.
    pub(crate) fn close_spare(&self) -> bool {
        while let Some(link) = self.spare() {
            if link.end() {
                return true;
            }
        }
        false
    }

    /// Resolves when, after `has_spare` said no, a call has ended.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Closes the connections that may hold a large event, except the one that gets another now.
    fn unload(&self, except: &Link) {
        let links = self.open_links();
        links
            .filter(|link| !std::ptr::eq(&raw const **link, except))
            .filter(|link| link.laden.load(Ordering::Relaxed))
            .for_each(|link| _ = link.end());
    }

    fn spare(&self) -> Option<Arc<Link>> {
        self.open_links()
            .map(|link| (link.rank.load(Ordering::SeqCst), link))
            .filter(|(rank, _)| *rank < CLOSING)
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, link)| link)
    }

    fn open_links(&self) -> impl Iterator<Item = Arc<Link>> {
        let links: Vec<_> = self.lock().iter().filter_map(Weak::upgrade).collect();
        links.into_iter()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(PROVEN - 1)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    /// A call begins, unless the connection was told to close.
    pub(super) fn begin(&self) -> bool {
        self.laden.store(false, Ordering::Relaxed);
        self.turn(NEEDED, |rank| rank != CLOSING)
    }

    /// A call was answered; what its client still sends nobody needs.
    pub(super) fn finish(&self, accepted: bool) {
        let proof = if accepted { PROVEN } else { 0 };
        self.rank
            .store(proof | self.traffic.now(), Ordering::SeqCst);
        if self.traffic.crowded.load(Ordering::SeqCst) {
            self.traffic.freed.notify_one();
        }
    }

    /// A large event leaves over this connection. Of those before it none is held any longer.
    pub(super) fn load(&self) {
        self.laden.store(true, Ordering::Relaxed);
        self.traffic.unload(self);
    }

    /// Resolves when the connection has to go.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    /// False if it is in the middle of a call, or was told already.
    fn end(&self) -> bool {
        let ends = self.turn(CLOSING, |rank| rank < CLOSING);
        if ends {
            self.close.notify_one();
        }
        ends
    }

    /// Whether it had a rank from which it may turn to this one.
    fn turn(&self, to: u64, may: impl Fn(u64) -> bool) -> bool {
        let next = |rank| may(rank).then_some(to);
        self.rank
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, next)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::time::Duration;

    fn is_closed(link: &Link) -> bool {
        link.closed().now_or_never().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn half_open_ones_go_first_then_the_silent_and_the_needed_never() {
        let traffic = Traffic::new();
        let [runtime, silent, waiting, half_open] = [(); 4].map(|()| traffic.open());
        waiting.begin();
        silent.begin();
        silent.finish(true);
        tokio::time::advance(Duration::from_secs(1)).await;
        runtime.begin();
        runtime.finish(true);
        for expected in [&half_open, &silent, &runtime] {
            assert!(traffic.has_spare());
            assert!(traffic.close_spare());
            assert!(is_closed(expected));
            assert!(!expected.begin(), "nothing happens on it any more");
        }
        assert!(!traffic.has_spare() && !traffic.close_spare());
        assert!(!is_closed(&waiting));
        waiting.finish(false);
        traffic.freed().now_or_never().unwrap();
        assert!(traffic.has_spare());
    }

    #[tokio::test(start_paused = true)]
    async fn one_large_event_is_held_at_a_time() {
        let traffic = Traffic::new();
        let [one, two, other] = [(); 3].map(|()| traffic.open());
        for link in [&one, &two] {
            link.begin();
            link.load();
            link.finish(true);
        }
        assert!(is_closed(&one) && !is_closed(&two) && !is_closed(&other));
        two.begin();
        two.finish(true);
        assert!(other.begin());
        other.load();
        assert!(
            !is_closed(&two),
            "it called since, so it has read the event"
        );
    }

    #[test]
    fn what_is_gone_takes_no_room() {
        let traffic = Traffic::new();
        for _ in 0..100 {
            drop(traffic.open());
        }
        let _open = traffic.open();
        assert_eq!(traffic.lock().len(), 1);
    }
}
