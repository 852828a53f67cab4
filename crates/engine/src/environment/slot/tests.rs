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
    assert!(
        slot.ask()
            .unwrap()
            .is_some_and(|init| init.phase == Phase::Init)
    );
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
    assert_eq!(slot.ask(), Ok(None));
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
    assert_eq!(slot.ask(), Ok(None));
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
    assert_eq!(until(slot.duty()), TIMEOUT);
    advance(Duration::from_secs(2)).await;
    assert_eq!(until(slot.duty()), Duration::from_secs(1));
    slot.respond(&event.id.to_string(), Runtime::InvocationResponse)
        .unwrap();
    advance(Duration::from_secs(1)).await;
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
    assert_eq!(until(slot.duty()), TIMEOUT);
    advance(TIMEOUT).await;
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
