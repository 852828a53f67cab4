//! A runtime, a pool and an owner around one slot, on paused time.

use super::*;
use crate::testing::invocation;
use tokio::time::{advance, timeout};

const TIMEOUT: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(600);

/// A slot whose program has asked for its first event.
fn ready() -> Slot {
    let slot = Slot::new(TIMEOUT, IDLE, None);
    slot.program_starts(Phase::Init);
    let asked = slot.ask().unwrap();
    assert!(matches!(asked, Asked::First(init) if init.phase == Phase::Init));
    slot
}

async fn owner_woken(slot: &Slot) -> bool {
    timeout(Duration::from_millis(1), slot.woken())
        .await
        .is_ok()
}

fn until(duty: Duty) -> Duration {
    match duty {
        Duty::Sleep(until) => until - Instant::now(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_goes_out_once_and_its_answer_comes_back() {
    let slot = ready();
    let waiting = slot.event();
    tokio::pin!(waiting);
    assert!(
        timeout(Duration::from_secs(60), &mut waiting)
            .await
            .is_err(),
        "next never times out"
    );
    slot.begin(invocation());
    let event = waiting.await;
    assert_eq!((event.left, event.again), (TIMEOUT, false));
    assert_eq!(slot.ask(), Ok(Asked::Again));
    assert!(
        slot.event().await.again,
        "a runtime that lost the event gets it again"
    );

    let id = event.id.to_string();
    assert_eq!(
        slot.respond("x", Runtime::InvocationResponse),
        Err(Refusal::InvalidRequestId)
    );
    assert_eq!(slot.respond(&id, Runtime::InvocationResponse), Ok(event.id));
    assert_eq!(
        slot.responded(event.id).unwrap().request.request_id,
        event.id
    );
    let second = slot.respond(&id, Runtime::InvocationErrorResponse);
    assert!(matches!(second, Err(Refusal::Transition(_))), "{second:?}");
    assert_eq!(slot.ask(), Ok(Asked::Again));
    assert_eq!(
        slot.responded(event.id).unwrap_err(),
        Refusal::InvalidRequestId
    );
}

#[tokio::test(start_paused = true)]
async fn the_owner_sleeps_through_warm_invokes() {
    let slot = ready();
    slot.rest();
    assert!(owner_woken(&slot).await, "nobody watches yet");
    assert_eq!(until(slot.duty()), IDLE);
    let mut wakes = 0;
    for _ in 0..100 {
        slot.begin(invocation());
        let event = slot.event().await;
        wakes += usize::from(owner_woken(&slot).await);
        if wakes == 1 {
            slot.duty();
        }
        slot.respond(&event.id.to_string(), Runtime::InvocationResponse)
            .unwrap();
        slot.responded(event.id).unwrap();
        slot.rest();
        slot.ask().unwrap();
    }
    assert_eq!(wakes, 1);
}

#[tokio::test(start_paused = true)]
async fn the_clock_runs_from_the_hand_over_and_a_late_answer_is_refused() {
    let slot = ready();
    slot.begin(invocation());
    advance(Duration::from_secs(1)).await;
    let event = slot.event().await;
    advance(TIMEOUT - Duration::from_millis(1)).await;
    assert_eq!(until(slot.duty()), Duration::from_millis(1));
    slot.respond(&event.id.to_string(), Runtime::InvocationResponse)
        .unwrap();
    advance(Duration::from_millis(1)).await;
    assert!(matches!(slot.duty(), Duty::TimedOut(_)));
    assert_eq!(
        slot.responded(event.id).unwrap_err(),
        Refusal::InvalidRequestId
    );
    assert!(matches!(slot.program_ended(), Bereft::Nothing));
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_never_asks_again_is_a_timeout_too() {
    let slot = ready();
    slot.begin(invocation());
    advance(TIMEOUT - Duration::from_millis(1)).await;
    assert_eq!(until(slot.duty()), Duration::from_millis(1));
    advance(Duration::from_millis(1)).await;
    assert!(matches!(slot.duty(), Duty::TimedOut(_)));
}

#[tokio::test(start_paused = true)]
async fn init_has_ten_seconds_and_is_repeated_inside_an_invoke() {
    let slot = Slot::new(TIMEOUT, IDLE, None);
    slot.program_starts(Phase::Init);
    assert_eq!(until(slot.duty()), INIT_LIMIT);
    advance(INIT_LIMIT).await;
    assert!(matches!(slot.duty(), Duty::InitTimedOut));
    assert!(slot.ask().is_err(), "it is about to be killed");
    assert!(matches!(slot.program_ended(), Bereft::Init(_)));

    slot.begin(invocation());
    assert!(owner_woken(&slot).await);
    assert!(matches!(slot.duty(), Duty::Restart));
    slot.program_starts(Phase::Invoke);
    assert_eq!(
        until(slot.duty()),
        TIMEOUT,
        "under the function's own limit"
    );
    let failure = Failure::Exited(None);
    slot.begin_init_error().unwrap();
    slot.fail_init(failure.clone());
    assert!(slot.ask().is_err());
    assert!(matches!(slot.duty(), Duty::InitFailed(reported) if reported == failure));
    assert!(matches!(slot.program_ended(), Bereft::Restart(_, _)));
}

#[tokio::test(start_paused = true)]
async fn an_exit_is_blamed_on_the_invocation_that_was_handed_over() {
    let slot = ready();
    slot.begin(invocation());
    assert!(
        matches!(slot.program_ended(), Bereft::Nothing),
        "the program never saw it"
    );
    assert!(matches!(slot.duty(), Duty::Restart));
    slot.program_starts(Phase::Invoke);
    slot.ask().unwrap();
    slot.event().await;
    assert!(matches!(slot.program_ended(), Bereft::Invocation(_)));
    assert!(slot.take_unseen().is_none());
}

#[tokio::test(start_paused = true)]
async fn idle_environments_are_reaped_and_closed_ones_end() {
    let slot = ready();
    slot.rest();
    advance(IDLE).await;
    assert!(matches!(slot.duty(), Duty::Reap));
    slot.rest();
    slot.close();
    assert!(owner_woken(&slot).await);
    assert!(matches!(slot.duty(), Duty::End));
}

/// A slot whose runtime has answered an invocation and works on; the answer came so long after its beginning.
async fn answered(took: Duration) -> Slot {
    let slot = ready();
    slot.begin(invocation());
    let event = slot.event().await;
    advance(took).await;
    let id = event.id.to_string();
    slot.respond(&id, Runtime::InvocationResponse).unwrap();
    slot.responded(event.id).unwrap();
    slot.rest();
    slot
}

#[tokio::test(start_paused = true)]
async fn an_invocation_waits_for_no_work_after_an_answer() {
    let slot = answered(Duration::ZERO).await;
    slot.duty();
    let _ = owner_woken(&slot).await;
    slot.begin(invocation());
    assert!(!owner_woken(&slot).await, "it looks soon anyway");
    assert!(until(slot.duty()) <= PATIENCE);
    // In steady use the question comes at once.
    slot.ask().unwrap();
    let event = slot.event().await;
    let id = event.id.to_string();
    slot.respond(&id, Runtime::InvocationResponse).unwrap();
    slot.responded(event.id).unwrap();

    let next = invocation();
    let next_id = next.request.request_id;
    slot.begin(next);
    advance(PATIENCE).await;
    let given = slot.duty();
    assert!(matches!(&given, Duty::GiveAway(one) if one.request.request_id == next_id));
    // It gets none until it asks, and then is told apart.
    assert_eq!(slot.ask(), Ok(Asked::Back));
    slot.begin(invocation());
    assert!(!slot.event().await.again);
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_sleeps_is_woken_for_an_invocation_after_long_work() {
    let slot = answered(Duration::from_secs(1)).await;
    advance(Duration::from_millis(900)).await;
    assert!(until(slot.duty()) > PATIENCE);
    let _ = owner_woken(&slot).await;
    slot.begin(invocation());
    assert!(owner_woken(&slot).await);
    assert!(until(slot.duty()) <= PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn work_after_an_answer_has_the_time_of_its_invocation() {
    let slot = answered(Duration::from_secs(1)).await;
    advance(TIMEOUT - Duration::from_millis(1_001)).await;
    assert!(matches!(slot.duty(), Duty::Sleep(_)));
    advance(Duration::from_millis(1)).await;
    assert!(matches!(slot.duty(), Duty::Overrun(_)));
    assert!(slot.ask().is_err(), "it is about to be killed");
    assert!(matches!(slot.program_ended(), Bereft::Nothing));
    slot.begin(invocation());
    assert!(matches!(slot.duty(), Duty::Restart));

    // However late the answer, the question that follows it is in time.
    let slot = answered(TIMEOUT).await;
    assert!(matches!(slot.duty(), Duty::Sleep(_)));
    advance(AFTERMATH_MIN).await;
    assert!(matches!(slot.duty(), Duty::Overrun(_)));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_ends_in_work_for_which_nobody_waits_is_told_apart() {
    let slot = answered(Duration::ZERO).await;
    slot.begin(invocation());
    advance(PATIENCE).await;
    assert!(matches!(slot.duty(), Duty::GiveAway(_)));
    assert!(matches!(slot.program_ended(), Bereft::Away));
    // An invocation that such a program never saw is not its own.
    let slot = answered(Duration::ZERO).await;
    slot.begin(invocation());
    assert!(matches!(slot.program_ended(), Bereft::Nothing));
    assert!(slot.take_unseen().is_some());
}
