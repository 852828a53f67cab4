//! Callers and environments around one queue; two processors, so that four environments keep them busy.

use super::*;
use crate::testing::invocation;
use tokio::time::advance;

const PROCESSORS: usize = 2;
const FEW: usize = 4;
const START: Duration = Duration::from_millis(20);
/// Of a function that computes and no more.
const MOMENT: Duration = Duration::from_micros(200);

fn slot() -> Arc<Slot> {
    Arc::new(Slot::new(START, START, None))
}

/// One ends an invoke of that length.
fn free(queue: &mut Queue, hold: Duration) {
    let now = Instant::now();
    queue.freed(now - hold, now, Some(hold.min(MOMENT / 2)));
}

/// So many environments that rest, after one invoke of that length.
fn rested(count: usize, hold: Duration) -> Queue {
    let mut queue = Queue::new(PROCESSORS, FEW, 1_000);
    queue.started(START);
    queue.busy += 1;
    free(&mut queue, hold);
    for _ in 0..count {
        queue.rest(&slot());
    }
    queue.environments = count;
    queue
}

/// One more caller. Whether it had to wait.
fn call(queue: &mut Queue) -> bool {
    let waits = queue.take_idle().is_none();
    if waits {
        queue.wait(invocation());
    }
    waits
}

/// Starts that are asked for now.
fn launches(queue: &mut Queue) -> usize {
    queue.due(Instant::now()).launches
}

#[tokio::test(start_paused = true)]
async fn before_anything_is_known_each_gets_its_own() {
    let mut queue = Queue::new(PROCESSORS, FEW, 1_000);
    assert!(call(&mut queue) && call(&mut queue));
    assert_eq!(launches(&mut queue), 2);
    for _ in 0..8 {
        assert!(call(&mut queue));
    }
    assert_eq!(launches(&mut queue), FEW - 2, "no more start at a time");
}

#[tokio::test(start_paused = true)]
async fn sleepers_get_an_environment_each_at_once() {
    let mut queue = rested(2, Duration::from_secs(1));
    assert!(!call(&mut queue) && !call(&mut queue));
    for _ in 0..3 {
        assert!(call(&mut queue));
        assert_eq!(launches(&mut queue), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn many_sleepers_are_no_reason_to_wait_for_one() {
    let mut queue = rested(0, 2 * START);
    queue.busy = 100;
    assert!(call(&mut queue));
    assert_eq!(launches(&mut queue), 1);
}

#[tokio::test(start_paused = true)]
async fn all_that_have_waited_in_vain_get_their_own_at_one_time() {
    let mut queue = rested(0, START / 7);
    queue.busy = FEW;
    for _ in 0..FEW {
        assert!(call(&mut queue));
    }
    assert_eq!(launches(&mut queue), 0);
    advance(START).await;
    assert_eq!(queue.due(Instant::now()).launches, FEW);
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_in_vain_gets_what_becomes_ready() {
    let mut queue = rested(0, MOMENT);
    queue.busy = FEW;
    assert!(call(&mut queue));
    assert!(queue.next(Instant::now()).is_none());
    advance(START).await;
    assert!(queue.next(Instant::now()).is_some());
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_keeps_its_place_and_its_time() {
    let mut queue = rested(1, START / 7);
    let slot = queue.take_idle().unwrap();
    let mut first = invocation();
    advance(START / 2).await;
    assert!(call(&mut queue));
    advance(START / 2).await;
    slot.begin(first);
    first = slot.take_unseen().unwrap();
    queue.wait_again(first);
    assert_eq!(queue.late(Instant::now()), 1);
    assert!(queue.waiting[0].queued < queue.waiting[1].queued);
    assert!(queue.next_look(Instant::now()).is_some());
}

#[tokio::test(start_paused = true)]
async fn who_is_given_up_leaves_nobody_who_watches() {
    let mut queue = rested(0, MOMENT);
    assert!(call(&mut queue) && queue.begin_watch());
    assert_eq!(queue.take_all().len(), 1);
    assert!(call(&mut queue) && queue.begin_watch(), "the next one");
}

#[tokio::test(start_paused = true)]
async fn short_invokes_wait_for_environments_that_run_but_not_for_long() {
    // Each of two serves seven in the time of a start.
    let mut queue = rested(2, START / 7);
    assert!(!call(&mut queue) && !call(&mut queue));
    for _ in 0..14 {
        assert!(call(&mut queue));
        assert_eq!(launches(&mut queue), 0);
    }
    assert!(call(&mut queue));
    assert_eq!(
        launches(&mut queue),
        1,
        "the fifteenth would wait for longer"
    );
    advance(START).await;
    assert_eq!(
        launches(&mut queue),
        FEW - 1,
        "they have waited for long enough"
    );
}

#[tokio::test(start_paused = true)]
async fn those_that_compute_for_moments_keep_to_few() {
    let mut queue = rested(64, MOMENT);
    let waiting = (0..64).filter(|_| call(&mut queue)).count();
    assert_eq!(waiting, 64 - FEW);
    assert_eq!(queue.step(Instant::now()), Step::Wait);
    free(&mut queue, MOMENT);
    assert!(
        queue.next(Instant::now()).is_some(),
        "one that ends takes the next"
    );
}

#[tokio::test(start_paused = true)]
async fn surplus_environments_come_to_rest_while_others_wait() {
    let mut queue = rested(64, MOMENT);
    queue.busy = 30;
    queue.wait(invocation());
    free(&mut queue, MOMENT);
    assert!(queue.next(Instant::now()).is_none(), "29 are enough");
    queue.busy = FEW;
    free(&mut queue, MOMENT);
    assert!(queue.next(Instant::now()).is_some(), "three are not");
}

#[tokio::test(start_paused = true)]
async fn where_all_few_hang_those_that_wait_get_others_that_rest() {
    let mut queue = rested(FEW + 2, MOMENT);
    assert_eq!((0..FEW + 3).filter(|_| call(&mut queue)).count(), 3);
    assert_eq!(queue.step(Instant::now()), Step::Wait);
    let look = queue.next_look(Instant::now()).unwrap();
    assert_eq!(look, Instant::now() + START);
    advance(START).await;
    let due = queue.due(Instant::now());
    assert_eq!((due.served.len(), due.launches), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn those_that_hang_are_not_waited_for_again() {
    let mut queue = rested(2 * FEW + 2, MOMENT);
    assert_eq!((0..=FEW).filter(|_| call(&mut queue)).count(), 1);
    advance(START).await;
    assert_eq!(queue.due(Instant::now()).served.len(), 1);
    for _ in 1..FEW {
        assert!(!call(&mut queue), "another rests");
    }
    assert!(call(&mut queue), "as many as are enough are at work again");
    assert_eq!(queue.step(Instant::now()), Step::Wait);
    advance(2 * MOMENT).await;
    free(&mut queue, MOMENT);
    assert!(queue.next(Instant::now()).is_some(), "three are not enough");
    for _ in 0..FEW {
        free(&mut queue, 2 * START);
    }
    assert_eq!((queue.busy, queue.stalled), (FEW, 0));
}

#[tokio::test(start_paused = true)]
async fn those_that_were_only_slow_are_counted_on_again() {
    let mut queue = rested(2 * FEW, MOMENT);
    assert_eq!((0..=FEW).filter(|_| call(&mut queue)).count(), 1);
    advance(START).await;
    assert_eq!(queue.step(Instant::now()), Step::Serve);
    assert_eq!(queue.stalled, FEW);
    for left in (0..FEW).rev() {
        free(&mut queue, MOMENT);
        assert_eq!(queue.stalled, left);
        assert_eq!(queue.next(Instant::now()).is_some(), left == FEW - 1);
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_a_share_of_a_processor_needs_more_to_keep_it_busy() {
    let few = FEW * 1_000 / 125;
    let mut queue = Queue {
        few: Queue::new(PROCESSORS, FEW, 125).few,
        ..rested(64, MOMENT)
    };
    assert_eq!((0..64).filter(|_| call(&mut queue)).count(), 64 - few);
}

#[tokio::test(start_paused = true)]
async fn without_room_they_wait_for_a_moment_and_are_refused_then() {
    let mut queue = rested(2, WITHOUT_ROOM);
    let waiting = (0..50).filter(|_| call(&mut queue)).count();
    assert_eq!(waiting, 48);
    assert!(queue.take_refused(Instant::now()).is_empty());
    advance(WITHOUT_ROOM).await;
    queue.launch();
    assert_eq!(queue.take_refused(Instant::now()).len(), 47);
    assert!(
        queue.next_look(Instant::now()).is_some(),
        "one is on its way"
    );
}

#[tokio::test(start_paused = true)]
async fn without_room_and_hope_they_are_refused_at_once() {
    let mut queue = rested(2, 3 * WITHOUT_ROOM);
    assert_eq!((0..50).filter(|_| call(&mut queue)).count(), 48);
    queue.launch();
    assert_eq!(queue.take_refused(Instant::now()).len(), 47);
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_is_the_fate_of_one_that_waits_for_it_alone() {
    let mut queue = rested(2, MOMENT);
    queue.busy = 2;
    queue.idle.clear();
    call(&mut queue);
    queue.launch();
    assert!(
        queue.boot_failed(Instant::now()).is_none(),
        "two others serve it"
    );
    queue.busy = 0;
    queue.launch();
    assert!(queue.boot_failed(Instant::now()).is_some());
    assert_eq!(queue.busy, 1, "until it is told");
}

#[tokio::test(start_paused = true)]
async fn a_retired_generation_serves_those_that_wait_with_all_it_has() {
    let mut queue = rested(64, MOMENT);
    queue.busy = 30;
    queue.wait(invocation());
    assert_eq!(queue.retire().len(), 64);
    free(&mut queue, MOMENT);
    assert!(queue.next(Instant::now()).is_some());
}

#[tokio::test(start_paused = true)]
async fn who_has_rested_for_the_shortest_time_is_the_next() {
    let mut queue = rested(0, Duration::from_secs(1));
    let slots = [slot(), slot(), slot()];
    slots.iter().for_each(|slot| queue.rest(slot));
    let taken = queue.take_idle().unwrap();
    assert!(Arc::ptr_eq(&taken, &slots[2]));
    queue.wait(invocation());
    let served = queue.due(Instant::now()).served;
    assert!(matches!(&served[..], [(slot, _)] if Arc::ptr_eq(slot, &slots[1])));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_has_yet_to_begin_is_for_those_that_still_wait() {
    let mut queue = rested(0, Duration::from_secs(1));
    queue.busy = 1;
    assert!(call(&mut queue) && call(&mut queue));
    assert_eq!(launches(&mut queue), 2);
    let now = Instant::now();
    assert!(queue.wants_those_that_start(now));
    assert!(queue.next(now).is_some(), "one gets what another had");
    assert!(!queue.wants_those_that_start(now));
    queue.give_back(1);
    assert!(queue.wants_those_that_start(now));
}

#[tokio::test(start_paused = true)]
async fn who_waits_beyond_its_time_is_looked_at_now_and_then() {
    let mut queue = rested(0, MOMENT);
    assert!(call(&mut queue));
    let look = |queue: &mut Queue| queue.next_look(Instant::now()).unwrap() - Instant::now();
    advance(START / 4).await;
    assert_eq!(look(&mut queue), START * 3 / 4);
    advance(START * 3 / 4).await;
    assert_eq!(look(&mut queue), START, "and not at once again");
}
