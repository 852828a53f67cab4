//! Whether the machine has memory for one more environment.
//!
//! Owns: reading free memory, of the machine and of the control groups that Lambkin runs in.
//! Asked before an environment is made and now and then, never on the warm path; a reading is used for a moment, or for longer
//! where it found plenty. What is made meanwhile is counted on top of it, and so is what is in its INIT and may not have
//! taken yet what it will take: as much as others of its function have, or all that it may as long as none is known.

mod groups;

use groups::Groups;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a reading is good.
const READING_AGE_MAX: Duration = Duration::from_millis(100);
/// How long one is good that leaves half of what it found: to read takes a tenth of the first invoke's time.
const PLENTY_AGE_MAX: Duration = Duration::from_secs(60);
/// What a new environment is expected to take at least: an interpreter with its imports.
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
    /// For environments that are being made, until their INIT is over.
    booked_bytes: Arc<AtomicU64>,
    reading: Mutex<Option<Reading>>,
}

/// What there was at one time, and what has been taken of it since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    at: Instant,
    available_bytes: u64,
    /// By what has been made since, and what was booked before.
    taken_bytes: u64,
}

/// Whether there is room for one more environment.
#[derive(Debug)]
pub(crate) enum Room {
    /// Now, and it is kept.
    Booked(Booking),
    /// When some of those that are being made have shown what they take.
    Soon,
    /// When so many of those that rest have ended.
    After(usize),
}

/// Room that is kept for an environment. Dropped when its INIT is over.
#[derive(Debug)]
pub(crate) struct Booking {
    bytes: u64,
    all: Arc<AtomicU64>,
}

impl Drop for Booking {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Memory {
    /// Keeps `reserve_bytes` free.
    pub(crate) fn new(reserve_bytes: u64) -> Self {
        Self {
            reserve_bytes,
            groups: Groups::find(),
            wanted_bytes: AtomicU64::new(EXPECTED_BYTES),
            booked_bytes: Arc::default(),
            reading: Mutex::new(None),
        }
    }

    /// Room for one that may use so much, and is expected to use that.
    pub(crate) fn book(&self, environment_bytes: u64, expected_bytes: u64) -> Room {
        self.wanted_bytes
            .store(environment_bytes, Ordering::Relaxed);
        let mut reading = self.lock();
        let mut current = self.recent(*reading, environment_bytes);
        let mut short_of = current.short_of(environment_bytes, self.reserve_bytes);
        if short_of == 0 {
            current.taken_bytes += expected_bytes.max(EXPECTED_BYTES);
        }
        *reading = Some(current);
        drop(reading);
        if short_of == 0 {
            return Room::Booked(self.booking(expected_bytes));
        }
        let booked = self.booked_bytes.load(Ordering::Relaxed);
        current.taken_bytes = current.taken_bytes.saturating_sub(booked);
        short_of = current.short_of(environment_bytes, self.reserve_bytes);
        match short_of {
            0 => Room::Soon,
            _ => Room::After(short_of),
        }
    }

    fn booking(&self, expected_bytes: u64) -> Booking {
        let bytes = expected_bytes.max(EXPECTED_BYTES);
        self.booked_bytes.fetch_add(bytes, Ordering::Relaxed);
        Booking {
            bytes,
            all: Arc::clone(&self.booked_bytes),
        }
    }

    /// Whether one of that size fits that no invocation waits for: memory gets no scarcer for the wish.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        let mut reading = self.lock();
        let mut current = self.recent(*reading, bytes);
        let fits = current.short_of(bytes, self.reserve_bytes) == 0;
        if fits {
            current.taken_bytes += EXPECTED_BYTES;
        }
        *reading = Some(current);
        fits
    }

    /// One that is good enough for that.
    fn recent(&self, reading: Option<Reading>, environment_bytes: u64) -> Reading {
        let good = reading.filter(|reading| {
            let age = reading.at.elapsed();
            let has_plenty = || reading.has_plenty(environment_bytes, self.reserve_bytes);
            age < READING_AGE_MAX || (age < PLENTY_AGE_MAX && has_plenty())
        });
        good.unwrap_or_else(|| self.read())
    }

    fn read(&self) -> Reading {
        Reading {
            at: Instant::now(),
            available_bytes: available_bytes(&self.groups),
            taken_bytes: self.booked_bytes.load(Ordering::Relaxed),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Reading>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether less than twice of what is to stay free and what the last environment may use is there: soon others
    /// would have to end.
    pub(crate) fn is_scarce(&self) -> bool {
        let wanted_bytes = self.wanted_bytes.load(Ordering::Relaxed);
        !self.look().has_plenty(wanted_bytes, self.reserve_bytes)
    }

    /// Reads again, at a time when nobody waits, unless somebody just has.
    pub(crate) fn look(&self) -> Reading {
        let mut reading = self.lock();
        let fresh = reading.filter(|reading| reading.at.elapsed() < READING_AGE_MAX);
        *reading.insert(fresh.unwrap_or_else(|| self.read()))
    }

    /// So many that rested end now, and one more is made in their place: the present reading sees neither.
    pub(crate) fn book_in_place(&self, ended: usize, expected_bytes: u64) -> Booking {
        if let Some(reading) = self.lock().as_mut() {
            reading.available_bytes += ended as u64 * GIVEN_BACK_BYTES;
            reading.taken_bytes += expected_bytes.max(EXPECTED_BYTES);
        }
        self.booking(expected_bytes)
    }
}

impl Reading {
    fn has_plenty(&self, environment_bytes: u64, reserve_bytes: u64) -> bool {
        let taken = reserve_bytes.saturating_add(self.taken_bytes);
        taken.saturating_add(environment_bytes) <= self.available_bytes / 2
    }

    /// How many environments that rest would have to end before one of that size fits beside what runs, all of it used.
    fn short_of(&self, environment_bytes: u64, reserve_bytes: u64) -> usize {
        let taken = reserve_bytes.saturating_add(self.taken_bytes);
        let wanted = taken.saturating_add(environment_bytes);
        let short = wanted.saturating_sub(self.available_bytes);
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

    /// With so much available, and that reserve.
    fn memory(available_mib: u64, reserve_mib: u64) -> Memory {
        let memory = Memory::new(reserve_mib << 20);
        *memory.lock() = Some(Reading {
            at: Instant::now(),
            available_bytes: available_mib << 20,
            taken_bytes: 0,
        });
        memory
    }

    fn booked(memory: &Memory, environment_mib: u64, expected_mib: u64) -> Booking {
        match memory.book(environment_mib << 20, expected_mib << 20) {
            Room::Booked(booking) => booking,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_reserve_and_what_is_being_made_are_left_free() {
        let memory = memory(1_000, 400);
        drop(booked(&memory, 512, 48));
        drop(booked(&memory, 512, 48));
        // Two more are expected to grow, and are not in their INIT any more.
        let short = memory.book(512 << 20, 48 << 20);
        assert!(matches!(short, Room::After(1)), "{short:?}");
        drop(memory.book_in_place(1, 0));
        assert_eq!(memory.lock().unwrap().available_bytes, 1_016 << 20);
        assert_eq!(memory.lock().unwrap().taken_bytes, 3 * EXPECTED_BYTES);
    }

    #[test]
    fn what_is_in_its_init_is_waited_for_and_nothing_ended() {
        let memory = memory(2_000, 500);
        // Of a function that is not known yet.
        let first = booked(&memory, 512, 512);
        let second = booked(&memory, 512, 512);
        assert!(matches!(memory.book(512 << 20, 512 << 20), Room::Soon));
        // Another reading counts them still.
        *memory.lock() = None;
        assert_eq!(memory.read().taken_bytes, 1_024 << 20);
        drop((first, second));
        assert_eq!(memory.read().taken_bytes, 0);
    }

    #[test]
    fn half_of_what_was_found_is_plenty_and_what_is_being_made_counts() {
        let reading = |taken_bytes| Reading {
            at: Instant::now(),
            available_bytes: 2_000 << 20,
            taken_bytes,
        };
        assert!(reading(0).has_plenty(600 << 20, 400 << 20));
        assert!(!reading(0).has_plenty(601 << 20, 400 << 20));
        assert!(!reading(1 << 20).has_plenty(600 << 20, 400 << 20));
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(matches!(Memory::new(0).book(1 << 20, 0), Room::Booked(_)));
        let short = Memory::new(u64::MAX).book(1 << 20, 0);
        assert!(matches!(short, Room::After(count) if count > 1_000));
        assert!(!Memory::new(0).is_scarce());
        assert!(Memory::new(u64::MAX).is_scarce());
    }

    #[test]
    fn memory_is_not_scarce_for_what_nobody_waits_for() {
        let memory = Memory::new(0);
        assert!(!memory.has_room_for(1 << 60) && !memory.is_scarce());
        assert!(matches!(memory.book(1 << 60, 0), Room::After(_)) && memory.is_scarce());
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "MemFree:  1 kB\nMemAvailable:   24305640 kB\n";
        assert_eq!(field(text, "MemAvailable:"), Some(24_305_640));
        assert_eq!(field("inactive_file 5\n", "total_inactive_file"), None);
    }
}
