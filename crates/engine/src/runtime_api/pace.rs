//! How much of the server's time one environment's own traffic may take.
//!
//! A program may send whatever it likes, as fast as it likes; to read and refuse it is work of the server,
//! which other functions need. What an invocation needs is free. The rest has a price in time: it may come in
//! a burst, and whoever is beyond that waits, on the connection that caused it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// A connection, with a head of 128 KiB that it may bring: a thousand a second.
pub(crate) const CONNECTION: Duration = Duration::from_millis(1);
/// A call that moves no invocation: two thousand a second are some 5 % of a core.
pub(super) const CALL: Duration = Duration::from_micros(500);
/// A piece of a body that is so small that it costs more than its bytes: 32,000 a second.
const SMALL_PIECE: Duration = Duration::from_micros(31);
/// Smaller pieces than this are small; whoever streams writes kilobytes, or few pieces.
const SMALL_PIECE_BYTES: usize = 1 << 10;
/// A KiB that is read or sent to no purpose: 128 MB a second.
const WASTED_KIB: Duration = Duration::from_micros(8);
/// What is free at once: 2,000 connections, 4,000 calls, 64,000 small pieces, 256 MB.
const BURST: Duration = Duration::from_secs(2);

/// One environment's account.
#[derive(Debug)]
pub(crate) struct Pace {
    burst: Duration,
    /// Until when all that came is paid for.
    paid_until: Mutex<Instant>,
}

impl Pace {
    /// With the whole burst left.
    pub(crate) fn new() -> Self {
        Self::with_burst(BURST)
    }

    /// With another one.
    pub(crate) fn with_burst(burst: Duration) -> Self {
        Self {
            burst,
            paid_until: Mutex::new(Instant::now()),
        }
    }

    /// Puts something on the account.
    pub(crate) fn charge(&self, price: Duration) {
        let now = Instant::now();
        let mut paid_until = self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *paid_until = now.max(*paid_until) + price;
    }

    /// Resolves when the account is within the burst. Cancel safe.
    pub(crate) async fn within(&self) {
        if let Some(due) = self.due() {
            sleep_until(due).await;
        }
    }

    /// Whether it is so now.
    pub(crate) fn is_within(&self) -> bool {
        self.due().is_none()
    }

    /// When it will be, if it is not.
    fn due(&self) -> Option<Instant> {
        let paid_until = *self
            .paid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let due = paid_until.checked_sub(self.burst)?;
        (due > Instant::now()).then_some(due)
    }

    /// Charges, and waits.
    pub(crate) async fn spend(&self, price: Duration) {
        self.charge(price);
        self.within().await;
    }

    /// For a piece of a body that an invocation needs.
    pub(crate) async fn piece(&self, bytes: usize) {
        if bytes < SMALL_PIECE_BYTES {
            self.spend(SMALL_PIECE).await;
        }
    }

    /// For bytes that no invocation needs.
    pub(crate) async fn waste(&self, bytes: usize) {
        self.piece(bytes).await;
        self.charge_waste(bytes);
        self.within().await;
    }

    /// The same for bytes that have been read already.
    pub(crate) fn charge_waste(&self, bytes: usize) {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        self.charge(WASTED_KIB * kib);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_a_flood_is_not() {
        let (pace, start) = (Pace::new(), Instant::now());
        for _ in 0..4_000 {
            pace.spend(CALL).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..2_000 {
            pace.spend(CALL).await;
        }
        let slept = start.elapsed();
        assert!(slept >= Duration::from_secs(1), "{slept:?}");
        assert!(slept < Duration::from_secs(3), "{slept:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_rests_has_the_whole_burst_again_and_no_more() {
        let (pace, start) = (Pace::new(), Instant::now());
        pace.charge(BURST * 2);
        pace.within().await;
        assert_eq!(start.elapsed(), BURST);
        tokio::time::advance(BURST * 10).await;
        pace.charge(BURST * 2);
        let start = Instant::now();
        pace.within().await;
        assert_eq!(start.elapsed(), BURST);
    }

    #[tokio::test(start_paused = true)]
    async fn large_pieces_of_answers_are_free_and_wasted_ones_are_not() {
        let (pace, start) = (Pace::new(), Instant::now());
        for _ in 0..100_000 {
            pace.piece(SMALL_PIECE_BYTES).await;
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..400 {
            pace.waste(1 << 20).await;
        }
        assert!(start.elapsed() > Duration::from_secs(1));
    }
}
