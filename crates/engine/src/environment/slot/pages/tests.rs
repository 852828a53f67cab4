//! Slots on paused time; where pages leave, with a group that is a folder of a test's own, whose kernel is the test.

use super::*;
use crate::testing::invocation;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, advance};

const BEFORE: u64 = 100;

fn slot(freezer: Option<Freezer>) -> Slot {
    let slot = Slot::new(Duration::from_secs(3), Duration::from_secs(600), freezer);
    freeze(&slot);
    slot
}

fn freeze(slot: &Slot) {
    slot.lock().frozen = Some(Frozen {
        since: Instant::now(),
        pages: Pages::InMemory,
    });
}

#[tokio::test(start_paused = true)]
async fn only_what_stands_still_for_long_and_is_not_at_its_end_leaves() {
    let slot = slot(None);
    assert!(!slot.may_be_pushed_out());
    advance(FROZEN_FOR).await;
    assert!(slot.may_be_pushed_out());
    slot.thaw();
    assert!(!slot.may_be_pushed_out(), "it runs");
    freeze(&slot);
    assert!(!slot.may_be_pushed_out(), "it did a moment ago");
    advance(FROZEN_FOR).await;
    assert!(slot.may_be_pushed_out());
    slot.close();
    assert!(!slot.may_be_pushed_out());
}

#[tokio::test(start_paused = true)]
async fn nothing_leaves_twice() {
    let slot = slot(None);
    advance(FROZEN_FOR).await;
    for pages in [Pages::Leaving, Pages::Out, Pages::Staying] {
        slot.lock().may_leave().unwrap().pages = pages;
        assert!(!slot.may_be_pushed_out());
        assert_eq!(slot.is_pushed_out(), pages == Pages::Out);
        slot.lock().frozen.as_mut().unwrap().pages = Pages::InMemory;
    }
}

/// A slot whose pages may leave, and its group, in which a push goes on until the test ends it.
struct Place {
    folder: TempDir,
    slot: Arc<Slot>,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, value) in [("memory.max", "9"), ("memory.swap.max", "0")] {
            fs::write(folder.path().join(file), value).unwrap();
        }
        let freezer = Freezer::of_group(folder.path());
        let slot = Arc::new(slot(Some(freezer)));
        let place = Self { folder, slot };
        mknodat(CWD, place.reclaim(), FileType::Fifo, Mode::RWXU, 0).unwrap();
        place.has_in_memory(&BEFORE.to_string());
        advance(FROZEN_FOR).await;
        place
    }

    /// In its own thread. Returns when it is on its way.
    fn push(&self, room: u64) -> JoinHandle<io::Result<Option<PushedOut>>> {
        let slot = Arc::clone(&self.slot);
        let pushing = spawn_blocking(move || slot.push_out(room));
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while self.is_swap_closed() {
            assert!(std::time::Instant::now() < until, "it does not begin");
            std::thread::yield_now();
        }
        pushing
    }

    /// The kernel has done what it can, and leaves that in memory, which the push may have found before it asked.
    async fn end_push(
        &self,
        pushing: JoinHandle<io::Result<Option<PushedOut>>>,
        left: &str,
    ) -> io::Result<Option<PushedOut>> {
        self.has_in_memory(left);
        let mut reclaim = self.hear_of_pushes().unwrap();
        let pushed = pushing.await.unwrap();
        let mut asked = String::new();
        reclaim.read_to_string(&mut asked).unwrap();
        assert!(asked.is_empty() || [&BEFORE.to_string(), left].contains(&&*asked));
        pushed
    }

    /// From here on none waits for it.
    fn hear_of_pushes(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let options = options.read(true).custom_flags(nonblocking);
        options.open(self.reclaim())
    }

    fn reclaim(&self) -> PathBuf {
        self.folder.path().join("memory.reclaim")
    }

    fn has_in_memory(&self, bytes: &str) {
        let [next, current] = ["next", "memory.current"].map(|name| self.folder.path().join(name));
        // Never half written.
        fs::write(&next, bytes)
            .and_then(|()| fs::rename(&next, current))
            .unwrap();
    }

    fn is_swap_closed(&self) -> bool {
        let limit = fs::read_to_string(self.folder.path().join("memory.swap.max"));
        limit.unwrap() == "0"
    }
}

impl Drop for Place {
    /// No push outlives a test that has failed.
    fn drop(&mut self) {
        let _ = self.hear_of_pushes();
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_closes_swap_behind_it_and_counts_by_what_has_left() {
    for (after, is_out) in [("49", true), ("50", false)] {
        let place = Place::new().await;
        let pushing = place.push(BEFORE);
        assert!(!place.slot.may_be_pushed_out(), "it is on its way");
        let pushed = place.end_push(pushing, after).await.unwrap().unwrap();
        assert_eq!(
            (pushed.before, pushed.after.to_string()),
            (BEFORE, after.into())
        );
        assert!(place.is_swap_closed());
        assert_eq!(place.slot.is_pushed_out(), is_out);
        assert!(!place.slot.may_be_pushed_out());
    }
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_comes_meanwhile_finds_swap_closed_and_the_next_time_is_another() {
    let place = Place::new().await;
    let pushing = place.push(BEFORE);
    place.slot.begin(invocation());
    assert!(place.is_swap_closed(), "before anything runs");
    // It has run and stands still again, all before the kernel has noticed.
    freeze(&place.slot);
    assert!(place.end_push(pushing, "1").await.is_ok());
    assert!(place.is_swap_closed() && !place.slot.is_pushed_out());
    assert!(!place.slot.may_be_pushed_out(), "it ran a moment ago");
    advance(FROZEN_FOR).await;
    assert!(place.slot.may_be_pushed_out());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_comes_meanwhile_closes_swap_and_is_no_failure_of_the_push() {
    let place = Place::new().await;
    let pushing = place.push(BEFORE);
    place.slot.close();
    assert!(
        place.is_swap_closed(),
        "the push keeps its group from going"
    );
    let pushed = place.end_push(pushing, "no number, as it is gone").await;
    assert!(pushed.unwrap().is_none());
    assert!(place.is_swap_closed() && !place.slot.is_pushed_out());
}

#[tokio::test(start_paused = true)]
async fn a_push_that_fails_is_told_leaves_swap_closed_and_is_not_tried_again() {
    let place = Place::new().await;
    let pushing = place.push(BEFORE);
    assert!(place.end_push(pushing, "no number").await.is_err());
    assert!(place.is_swap_closed() && !place.slot.is_pushed_out());
    assert!(!place.slot.may_be_pushed_out());
}

#[tokio::test(start_paused = true)]
async fn what_swap_has_no_room_for_or_has_come_to_run_since_is_not_begun_with() {
    let place = Place::new().await;
    // Nothing would hold a push up.
    fs::remove_file(place.reclaim()).unwrap();
    assert!(place.slot.push_out(BEFORE - 1).unwrap().is_none());
    assert!(place.is_swap_closed() && place.slot.may_be_pushed_out());
    place.slot.begin(invocation());
    assert!(place.slot.push_out(BEFORE).unwrap().is_none());
    assert!(place.is_swap_closed());
}
