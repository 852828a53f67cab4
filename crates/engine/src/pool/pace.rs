//! How fast the environments of a generation have been lately: what a wait for one of them costs, and a start.
//!
//! Owns: the arithmetic. Refuses: clocks, queues, locks.

use std::time::Duration;

/// Of a mean, so many parts stay when a measure comes, of one more.
const INERTIA: u64 = 15;
/// A start is taken to last no less: for a wait of a few milliseconds no program is started.
const PATIENCE_MIN: Duration = Duration::from_millis(5);
/// And no more: imports that take seconds are no reason to wait for seconds.
const PATIENCE_MAX: Duration = Duration::from_millis(50);
/// Longest wait where the machine has no room for another environment: better than to be refused and to come again.
pub(super) const WITHOUT_ROOM: Duration = Duration::from_secs(1);
/// Who ends some of its invokes so soon does not sleep in each of them.
const BRIEF: Duration = Duration::from_micros(500);
/// Who computes for longer in one takes its turns on the processors anyway.
const COMPUTED_MAX: Duration = Duration::from_millis(1);
/// Environments that have at least one part in so many of the processors' time do not sleep for most of theirs: the
/// rest of it goes to the server, the callers and other programs.
const PARTS: u64 = 8;

/// What is known of one generation: nothing before it has ended an invoke and a start.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// For how long an invoke has its environment.
    hold: Mean,
    /// How much CPU time it uses.
    computed: Mean,
    shortest: Shortest,
    /// From a turn to start to the end of INIT.
    start: Mean,
}

impl Pace {
    /// An invoke had its environment for `hold`, and used so much CPU time in it, if that is known.
    pub(super) fn held(&mut self, hold: Duration, computed: Option<Duration>) {
        self.hold.add(hold);
        self.shortest.add(nanos(hold));
        if let Some(computed) = computed {
            self.computed.add(computed);
        }
    }

    /// An environment took that long to start.
    pub(super) fn started(&mut self, time: Duration) {
        self.start.add(time);
    }

    /// How long an invocation waits for one of the environments that run before it gets one of its own.
    pub(super) fn patience(&self) -> Duration {
        let start = Duration::from_nanos(self.start.0.unwrap_or(0));
        start.clamp(PATIENCE_MIN, PATIENCE_MAX)
    }

    /// How many of a queue get one of `busy` environments within that.
    pub(super) fn soon_served(&self, busy: usize) -> usize {
        match self.start.0 {
            Some(_) => self.served(self.patience(), busy),
            None => 0,
        }
    }

    /// How many get one where no other can be had.
    pub(super) fn served_without_room(&self, busy: usize) -> usize {
        self.served(WITHOUT_ROOM, busy)
    }

    /// Whether `busy` environments spend their time on so many `processors` and not asleep, each for a moment: then
    /// another one would only take turns with them.
    pub(super) fn computes_for_moments(&self, busy: usize, processors: usize) -> bool {
        let (Some(hold), Some(computed)) = (self.hold.0, self.computed.0) else {
            return false;
        };
        let share = computed * busy as u64 * PARTS >= hold * processors as u64;
        share && computed <= nanos(COMPUTED_MAX) && self.shortest.get() <= nanos(BRIEF)
    }

    /// None, where an invoke takes longer than that: of many that sleep some are free sooner, but each has its own.
    fn served(&self, within: Duration, busy: usize) -> usize {
        let within = nanos(within);
        match self.hold.0 {
            Some(hold) if hold <= within => {
                usize::try_from(within * busy as u64 / hold.max(1)).unwrap_or(usize::MAX)
            }
            Some(_) | None => 0,
        }
    }
}

/// In nanoseconds. Old measures fade.
#[derive(Clone, Copy, Debug, Default)]
struct Mean(Option<u64>);

impl Mean {
    fn add(&mut self, measure: Duration) {
        let measure = nanos(measure);
        let mean = |mean| (mean * INERTIA + measure) / (INERTIA + 1);
        self.0 = Some(self.0.map_or(measure, mean));
    }
}

/// The least of the last few dozen. What shares the processors with many takes long, but not every time.
#[derive(Clone, Copy, Debug)]
struct Shortest {
    /// Of the present dozens, and of those before.
    of: [u64; 2],
    count: u32,
}

impl Default for Shortest {
    fn default() -> Self {
        Self {
            of: [u64::MAX; 2],
            count: 0,
        }
    }
}

impl Shortest {
    const DOZENS: u32 = 48;

    fn add(&mut self, measure: u64) {
        self.count += 1;
        if self.count > Self::DOZENS {
            self.count = 1;
            self.of = [u64::MAX, self.of[0]];
        }
        self.of[0] = self.of[0].min(measure);
    }

    fn get(&self) -> u64 {
        self.of[0].min(self.of[1])
    }
}

/// A hundred years are more than any.
fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESSORS: usize = 2;
    const FEW: usize = 4;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn pace(start_ms: u64, hold_us: u64, computed_us: u64) -> Pace {
        let mut pace = Pace::default();
        pace.started(Duration::from_millis(start_ms));
        pace.held(micros(hold_us), Some(micros(computed_us)));
        pace
    }

    #[test]
    fn nothing_is_expected_of_what_is_not_known() {
        let mut pace = Pace::default();
        assert_eq!(pace.soon_served(FEW), 0);
        pace.held(micros(100), None);
        assert_eq!(pace.soon_served(FEW), 0, "a start may be as short");
        assert!(!pace.computes_for_moments(FEW, PROCESSORS));
    }

    #[test]
    fn a_queue_is_served_as_fast_as_environments_are_free_again() {
        assert_eq!(pace(20, 1_000, 10).soon_served(1), 20);
        assert_eq!(pace(20, 1_000, 10).soon_served(8), 160);
        assert_eq!(
            pace(20, 30_000, 10).soon_served(1),
            0,
            "it sleeps longer than a start takes"
        );
        assert_eq!(
            pace(3_000, 1_000, 10).soon_served(1),
            50,
            "nobody waits for seconds"
        );
        assert_eq!(pace(1, 1_000, 10).soon_served(1), 5);
        assert_eq!(pace(20, 100_000, 10).served_without_room(3), 30);
        assert_eq!(
            pace(20, 30_000, 10).soon_served(100),
            0,
            "as many as they are"
        );
    }

    #[test]
    fn what_sleeps_does_not_compute_for_moments() {
        assert!(pace(20, 200, 50).computes_for_moments(FEW, PROCESSORS));
        assert!(
            !pace(20, 600, 500).computes_for_moments(FEW, PROCESSORS),
            "it may sleep a little each time"
        );
        assert!(
            !pace(20, 400, 10).computes_for_moments(FEW, PROCESSORS),
            "most of its time it sleeps"
        );
        assert!(!pace(20, 2_000, 2_000).computes_for_moments(FEW, PROCESSORS));
    }

    #[test]
    fn many_take_long_because_they_are_many() {
        let mut pace = pace(20, 300, 50);
        for _ in 0..30 {
            pace.held(micros(6_000), Some(micros(50)));
        }
        assert!(pace.computes_for_moments(64, PROCESSORS));
        assert!(!pace.computes_for_moments(FEW, PROCESSORS));
    }

    #[test]
    fn old_measures_fade() {
        let mut pace = pace(20, 100, 50);
        for _ in 0..2 * Shortest::DOZENS {
            pace.held(micros(1_000), Some(micros(900)));
        }
        assert!(
            !pace.computes_for_moments(64, PROCESSORS),
            "it is not brief any more"
        );
        assert_eq!(pace.soon_served(1), 20);
    }
}
