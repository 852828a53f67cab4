//! Whether the machine has memory for one more environment.
//!
//! Owns: reading free memory, of the machine and of the control groups that Lambkin runs in.
//! Asked before an environment is made and now and then, never on the warm path; a reading is used for a moment, or for longer
//! where it found plenty, and what is being made meanwhile is counted on top of it.

mod groups;

use groups::Groups;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a reading is good.
const READING_AGE_MAX: Duration = Duration::from_millis(100);
/// How long one is good that leaves half of what it found: to read takes a tenth of the first invoke's time.
const PLENTY_AGE_MAX: Duration = Duration::from_secs(60);
/// What a new environment is expected to take before the next reading sees it: an interpreter with its
/// imports.
const EXPECTED_BYTES: u64 = 48 << 20;

/// What the end of an environment that rests gives back at least: its interpreter's own pages.
const GIVEN_BACK_BYTES: u64 = 16 << 20;

/// The machine's memory.
#[derive(Debug)]
pub(crate) struct Memory {
    reserve_bytes: u64,
    groups: Groups,
    /// Of the environment that was wanted last.
    wanted_bytes: AtomicU64,
    reading: Mutex<Option<Reading>>,
}

/// What there was at one time, and what has been taken of it since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    at: Instant,
    available_bytes: u64,
    admitted_since: u64,
}

impl Memory {
    /// Keeps `reserve_bytes` free.
    pub(crate) fn new(reserve_bytes: u64) -> Self {
        Self {
            reserve_bytes,
            groups: Groups::find(),
            wanted_bytes: AtomicU64::new(EXPECTED_BYTES),
            reading: Mutex::new(None),
        }
    }

    /// How many environments that rest would have to end before one of that size fits beside what runs, all of it
    /// used.
    pub(crate) fn short_of(&self, environment_bytes: u64) -> usize {
        self.wanted_bytes
            .store(environment_bytes, Ordering::Relaxed);
        self.admit(environment_bytes)
    }

    /// Whether one of that size fits that no invocation waits for: memory gets no scarcer for the wish.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        self.admit(bytes) == 0
    }

    fn admit(&self, environment_bytes: u64) -> usize {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let good = reading.filter(|reading| {
            let age = reading.at.elapsed();
            let has_plenty = || reading.has_plenty(environment_bytes, self.reserve_bytes);
            age < READING_AGE_MAX || (age < PLENTY_AGE_MAX && has_plenty())
        });
        let mut current = good.unwrap_or_else(|| Reading::now(&self.groups));
        let short_of = current.admit(environment_bytes, self.reserve_bytes);
        *reading = Some(current);
        short_of
    }

    /// Whether less than twice of what is to stay free and what the last environment may use is there: soon others
    /// would have to end.
    pub(crate) fn is_scarce(&self) -> bool {
        let wanted_bytes = self.wanted_bytes.load(Ordering::Relaxed);
        !self.look().has_plenty(wanted_bytes, self.reserve_bytes)
    }

    /// Reads again, at a time when nobody waits, unless somebody just has.
    pub(crate) fn look(&self) -> Reading {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = reading.filter(|reading| reading.at.elapsed() < READING_AGE_MAX);
        *reading.insert(fresh.unwrap_or_else(|| Reading::now(&self.groups)))
    }

    /// So many that rested end now, and one more is made in their place: the present reading sees neither.
    pub(crate) fn will_have(&self, ended: usize) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = reading.as_mut() {
            reading.available_bytes += ended as u64 * GIVEN_BACK_BYTES;
            reading.admitted_since += 1;
        }
    }
}

impl Reading {
    fn now(groups: &Groups) -> Self {
        Self {
            at: Instant::now(),
            available_bytes: available_bytes(groups),
            admitted_since: 0,
        }
    }

    fn has_plenty(&self, environment_bytes: u64, reserve_bytes: u64) -> bool {
        let taken = reserve_bytes.saturating_add(self.admitted_since * EXPECTED_BYTES);
        taken.saturating_add(environment_bytes) <= self.available_bytes / 2
    }

    fn admit(&mut self, environment_bytes: u64, reserve_bytes: u64) -> usize {
        let taken = reserve_bytes.saturating_add(self.admitted_since * EXPECTED_BYTES);
        let wanted = taken.saturating_add(environment_bytes);
        let short = wanted.saturating_sub(self.available_bytes);
        self.admitted_since += u64::from(short == 0);
        usize::try_from(short.div_ceil(GIVEN_BACK_BYTES)).unwrap_or(usize::MAX)
    }
}

/// All that the machine and the control groups let Lambkin have, used or not; 0 if that cannot be read.
pub(crate) fn total_bytes() -> u64 {
    let limit = Groups::find().limit_bytes();
    machine_bytes("MemTotal:")
        .into_iter()
        .chain(limit)
        .min()
        .unwrap_or(0)
}

/// The least of what the machine and the control groups have. Without any reading the kernel's own limits
/// remain: nothing is refused for want of a file.
fn available_bytes(groups: &Groups) -> u64 {
    let machine = machine_bytes("MemAvailable:");
    let least = machine.into_iter().chain(groups.available_bytes()).min();
    least.unwrap_or(u64::MAX)
}

fn machine_bytes(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    field(&text, name).map(|kib| kib * 1_024)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text
        .lines()
        .find(|line| line.split_whitespace().next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_and_what_is_being_made_are_left_free() {
        let mut reading = Reading {
            at: Instant::now(),
            available_bytes: 1_000 << 20,
            admitted_since: 0,
        };
        let short_of = |reading: &mut Reading| reading.admit(512 << 20, 400 << 20);
        assert_eq!(short_of(&mut reading), 0);
        assert_eq!(short_of(&mut reading), 0);
        assert_eq!(short_of(&mut reading), 1, "two more are expected to grow");
        reading.available_bytes += GIVEN_BACK_BYTES;
        assert_eq!(short_of(&mut reading), 0);
    }

    #[test]
    fn half_of_what_was_found_is_plenty_and_what_is_being_made_counts() {
        let reading = |admitted_since| Reading {
            at: Instant::now(),
            available_bytes: 2_000 << 20,
            admitted_since,
        };
        assert!(reading(0).has_plenty(600 << 20, 400 << 20));
        assert!(!reading(0).has_plenty(601 << 20, 400 << 20));
        assert!(!reading(1).has_plenty(600 << 20, 400 << 20));
    }

    #[test]
    fn this_machine_has_memory() {
        assert_eq!(Memory::new(0).short_of(1 << 20), 0);
        assert!(Memory::new(u64::MAX).short_of(1 << 20) > 1_000);
        assert!(!Memory::new(0).is_scarce());
        assert!(Memory::new(u64::MAX).is_scarce());
    }

    #[test]
    fn memory_is_not_scarce_for_what_nobody_waits_for() {
        let memory = Memory::new(0);
        assert!(!memory.has_room_for(1 << 60) && !memory.is_scarce());
        assert!(memory.short_of(1 << 60) > 0 && memory.is_scarce());
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "MemFree:  1 kB\nMemAvailable:   24305640 kB\n";
        assert_eq!(field(text, "MemAvailable:"), Some(24_305_640));
        assert_eq!(field("inactive_file 5\n", "total_inactive_file"), None);
    }
}
