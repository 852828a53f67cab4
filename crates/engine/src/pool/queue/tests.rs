//! Callers and environments around one queue; two processors, so that four environments keep them busy.

use super::*;
use crate::admission::Admission;
use crate::invoke::Request;
use bytes::Bytes;
use lambkin_model::{FunctionName, RequestId};
use tokio::time::advance;

const PROCESSORS: usize = 2;
const FEW: usize = 4;
const START: Duration = Duration::from_millis(20);
/// Of a function that computes and no more.
const MOMENT: Duration = Duration::from_micros(200);

fn invocation() -> Invocation {
    let request = Request {
        request_id: RequestId::random(),
        function: FunctionName::new("f").unwrap(),
        qualifier: None,
        payload: Bytes::from_static(b"{}"),
        client_context: None,
        trace: None,
        tail: false,
    };
    Invocation::new(request, "arn".into(), Admission::new(1).enter().unwrap()).0
}

fn slot() -> Arc<Slot> {
    Arc::new(Slot::new(START, START, None))
}

/// So many environments that rest, after one invoke of that length.
fn rested(count: usize, hold: Duration) -> Queue {
    let mut queue = Queue::new(PROCESSORS, FEW);
    queue.started(START);
    queue.busy += 1;
    queue.freed(hold, Some(hold.min(MOMENT / 2)));
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
    let before = queue.booting;
    while queue.step(Instant::now()) == Step::Launch {
        queue.launch();
    }
    queue.booting - before
}

#[tokio::test(start_paused = true)]
async fn before_anything_is_known_each_gets_its_own() {
    let mut queue = Queue::new(PROCESSORS, FEW);
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
    queue.freed(MOMENT, Some(MOMENT / 2));
    assert!(queue.next().is_some(), "one that ends takes the next");
}

#[tokio::test(start_paused = true)]
async fn surplus_environments_come_to_rest_while_others_wait() {
    let mut queue = rested(64, MOMENT);
    queue.busy = 30;
    queue.wait(invocation());
    queue.freed(MOMENT, Some(MOMENT / 2));
    assert!(queue.next().is_none(), "29 are enough");
    queue.busy = FEW;
    queue.freed(MOMENT, Some(MOMENT / 2));
    assert!(queue.next().is_some(), "three are not");
}

#[tokio::test(start_paused = true)]
async fn where_all_few_hang_those_that_wait_get_others_that_rest() {
    let mut queue = rested(FEW + 2, MOMENT);
    assert_eq!((0..FEW + 3).filter(|_| call(&mut queue)).count(), 3);
    assert_eq!(queue.step(Instant::now()), Step::Wait);
    let look = queue.next_look(Instant::now()).unwrap();
    assert_eq!(look, Instant::now() + START);
    advance(START).await;
    for _ in 0..2 {
        assert_eq!(queue.step(Instant::now()), Step::Serve);
        assert!(queue.serve().is_some());
    }
    assert_eq!(queue.step(Instant::now()), Step::Launch);
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
    queue.freed(MOMENT, Some(MOMENT / 2));
    assert!(queue.next().is_some());
}
