//! What datagrams may take of the server's time.
//!
//! ```text
//! one environment: half a core ─▶ all together: half of the machine ─▶ go on
//!       └── has it used less than a fortieth of a core? ────────────────▲
//! ```
//! So a flood waits, and when all that is there for datagrams is taken, whoever sends few of them goes on.

use crate::runtime_api::Pace;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

/// What it takes to carry a packet; of its bytes, a KiB.
const PACKET: Duration = Duration::from_micros(25);
const KIB: Duration = Duration::from_micros(4);
/// To begin a flow, beside its packet.
const FLOW: Duration = Duration::from_micros(100);
/// To ask for the routes of what is denied, and to tell of it or of any other failure, beside its packet.
const FAILURE: Duration = Duration::from_micros(75);

/// For each second of work the accounts are charged so many: of one environment, and of one that has few.
const OWN: u32 = 2;
const FEW: u32 = 40;
/// The same of all, for each core of the machine.
const ALL: u32 = 2;
/// What is free at once.
const BURST: Duration = Duration::from_millis(500);

/// The account of all environments.
#[derive(Debug)]
pub(crate) struct Whole {
    pace: Pace,
    cores: u32,
}

impl Whole {
    pub(crate) fn of_machine() -> Self {
        Self::new(available_parallelism().map_or(1, |cores| cores.get() as u32))
    }

    fn new(cores: u32) -> Self {
        let pace = Pace::with_burst(BURST);
        Self { pace, cores }
    }
}

/// Those of one.
#[derive(Debug)]
pub(super) struct Share {
    own: Pace,
    few: Pace,
    all: Arc<Whole>,
}

impl Share {
    pub(super) fn new(all: Arc<Whole>) -> Self {
        Self {
            own: Pace::with_burst(BURST),
            few: Pace::with_burst(BURST),
            all,
        }
    }

    pub(super) fn charge_packet(&self, bytes: usize) {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        self.charge(PACKET + KIB * kib);
    }

    pub(super) fn charge_flow(&self) {
        self.charge(FLOW);
    }

    pub(super) fn charge_failure(&self) {
        self.charge(FAILURE);
    }

    /// Whether it is this environment's turn.
    pub(super) fn is_within(&self) -> bool {
        self.few.is_within() || (self.own.is_within() && self.all.pace.is_within())
    }

    /// Resolves when it is. Cancel safe.
    pub(super) async fn within(&self) {
        // What all have may have been taken again by whoever was woken first.
        while !self.is_within() {
            tokio::select! {
                () = self.few.within() => {}
                () = async {
                    self.own.within().await;
                    self.all.pace.within().await;
                } => {}
            }
        }
    }

    fn charge(&self, work: Duration) {
        self.own.charge(work * OWN);
        self.few.charge(work * FEW);
        // Where all is taken it is done for those that have few; it would grow into a debt that others wait for.
        if self.all.pace.is_within() {
            self.all.pace.charge(work * ALL / self.all.cores);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, timeout};

    const WHILE: Duration = Duration::from_secs(10);

    /// How many packets go in ten seconds, one after the other.
    async fn carried(share: &Share) -> u32 {
        let (until, mut count) = (Instant::now() + WHILE, 0);
        while timeout(until - Instant::now(), share.within())
            .await
            .is_ok()
            && Instant::now() < until
        {
            share.charge_packet(100);
            count += 1;
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn an_environment_takes_half_a_core_and_no_more() {
        let share = Share::new(Arc::new(Whole::new(64)));
        let count = carried(&share).await;
        assert!((200_000..215_000).contains(&count), "{count}");
    }

    #[tokio::test(start_paused = true)]
    async fn all_take_half_of_the_machine_and_who_sends_few_goes_on() {
        let whole = Arc::new(Whole::new(1));
        let floods: [Share; 4] = std::array::from_fn(|_| Share::new(Arc::clone(&whole)));
        let [a, b, c, d] = &floods;
        let modest = async {
            let share = Share::new(Arc::clone(&whole));
            let began = Instant::now();
            for _ in 0..1_000 {
                share.within().await;
                share.charge_packet(100);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            began.elapsed()
        };
        let (a, b, c, d, took) =
            tokio::join!(carried(a), carried(b), carried(c), carried(d), modest);
        let count = a + b + c + d;
        // Of each a tenth of that goes whatever the others do.
        assert!((200_000..260_000).contains(&count), "{count}");
        assert!(took < WHILE, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_cost_more_than_packets() {
        let share = Share::new(Arc::new(Whole::new(64)));
        for _ in 0..2_600 {
            share.charge_packet(100);
            share.charge_failure();
        }
        assert!(!share.is_within());
        tokio::time::advance(BURST).await;
        assert!(share.is_within());
    }
}
