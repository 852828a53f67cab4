//! The clock of one start, from the invoke that asked for an environment to the first answer of it.

use super::recent::Kept;
use super::told::Telling;
use crate::log::Phase;
use lambkin_model::{Outcome, RequestId, Start, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// How long each part of a start took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From the invoke's acceptance to the begin of an environment's making.
    pub queue: Duration,
    /// Until the code was unpacked; nothing but a look-up where it was.
    pub code: Duration,
    /// Making of the sandbox, or its preparation for the function if it was there.
    pub sandbox: Duration,
    /// Mounts inside the sandbox: of all that it shows, or of the code alone if it was there.
    pub mounts: Duration,
    /// INITs that failed before the one that succeeded, or all if none did.
    pub failed_init: Duration,
    /// From the program's start to its first call of `next`.
    pub program: Duration,
    /// From the event to the answer. Time in which the environment waited for an event is in no part.
    pub handler: Duration,
}

/// Parts of a start that follow each other without a gap.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// See [`Times::queue`].
    Queue,
    /// See [`Times::code`].
    Code,
    /// See [`Times::sandbox`].
    Sandbox,
}

/// Runs until the environment's first answer.
#[derive(Debug)]
pub(crate) struct Clock {
    kind: Start,
    stage_began: Instant,
    times: Times,
    /// INITs inside of the invoke: its time, but not its handler's.
    inside: Duration,
    telling: Option<Telling>,
}

impl Clock {
    /// An environment is wanted since `asked`.
    pub(crate) fn begin(kind: Start, asked: Instant) -> Self {
        Self {
            kind,
            stage_began: asked,
            times: Times::default(),
            inside: Duration::ZERO,
            telling: None,
        }
    }

    pub(crate) fn kind(&self) -> Start {
        self.kind
    }

    /// The sandbox is there; how, and how much of that were its mounts.
    pub(crate) fn made(&mut self, kind: Start, mounts: Duration) {
        self.kind = kind;
        let mounts = mounts.min(self.times.sandbox);
        self.times.mounts += mounts;
        self.times.sandbox -= mounts;
    }

    /// A stage is over, and the next one begins.
    pub(crate) fn done(&mut self, stage: Stage) {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.stage_began);
        self.stage_began = now;
        match stage {
            Stage::Queue => self.times.queue += took,
            Stage::Code => self.times.code += took,
            Stage::Sandbox => self.times.sandbox += took,
        }
    }

    /// The environment failed, and another is made in its place. What the first took stays in the parts that it was.
    pub(crate) fn begin_again(&mut self) {
        self.stage_began = Instant::now();
    }

    /// A program has called `next`, and told this.
    pub(crate) fn initialised(&mut self, phase: Phase, took: Duration, telling: Option<Telling>) {
        self.times.program = took;
        self.telling = telling;
        self.count_inside(phase, took);
    }

    /// A program ended before it called `next`.
    pub(crate) fn init_failed(&mut self, phase: Phase, took: Duration) {
        self.times.failed_init += took;
        self.count_inside(phase, took);
    }

    fn count_inside(&mut self, phase: Phase, took: Duration) {
        if phase == Phase::Invoke {
            self.inside += took;
        }
    }

    /// The first invoke has been answered after the time that it had.
    pub(crate) fn end(self, first: First) -> Kept {
        let handler = first.took.saturating_sub(self.inside);
        Kept {
            at: first.at,
            request_id: first.request_id,
            kind: self.kind,
            outcome: first.outcome,
            times: Times {
                handler,
                ..self.times
            },
            telling: self.telling,
        }
    }
}

/// The first invoke of an environment.
pub(crate) struct First {
    pub(crate) at: Timestamp,
    pub(crate) request_id: RequestId,
    pub(crate) outcome: Outcome,
    /// Time that it had.
    pub(crate) took: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(took_ms: u64) -> First {
        First {
            at: Timestamp(7),
            request_id: RequestId::random(),
            outcome: Outcome::Success,
            took: Duration::from_millis(took_ms),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stages_follow_each_other_without_a_gap() {
        let mut clock = Clock::begin(Start::Cold, Instant::now());
        for (stage, ms) in [(Stage::Queue, 1), (Stage::Code, 20), (Stage::Sandbox, 300)] {
            tokio::time::advance(Duration::from_millis(ms)).await;
            clock.done(stage);
        }
        clock.made(Start::Pooled, Duration::from_millis(100));
        clock.initialised(Phase::Init, Duration::from_millis(4_000), None);
        let times = clock.end(first(50_000)).times;
        let parts = [
            times.queue,
            times.code,
            times.sandbox,
            times.mounts,
            times.program,
            times.handler,
        ];
        assert_eq!(
            parts.map(|part| part.as_millis()),
            [1, 20, 200, 100, 4_000, 50_000]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_before_is_part_of_the_start() {
        let mut clock = Clock::begin(Start::Cold, Instant::now());
        clock.done(Stage::Queue);
        for (kind, sandbox_ms) in [(Start::Cloned, 30), (Start::Pooled, 500)] {
            tokio::time::advance(Duration::from_millis(sandbox_ms)).await;
            clock.done(Stage::Sandbox);
            clock.made(kind, Duration::from_millis(10));
            if kind == Start::Cloned {
                tokio::time::advance(Duration::from_millis(4_000)).await;
                clock.init_failed(Phase::Init, Duration::from_millis(4_000));
                clock.begin_again();
            }
        }
        assert_eq!(clock.kind(), Start::Pooled);
        let times = clock.end(first(1)).times;
        let parts = [times.queue, times.sandbox, times.mounts, times.failed_init];
        assert_eq!(parts.map(|part| part.as_millis()), [0, 510, 20, 4_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_init_inside_the_invoke_is_not_the_handlers_time() {
        let mut clock = Clock::begin(Start::Cold, Instant::now());
        clock.init_failed(Phase::Init, Duration::from_millis(10));
        clock.init_failed(Phase::Invoke, Duration::from_millis(200));
        clock.initialised(Phase::Invoke, Duration::from_millis(3_000), None);
        let times = clock.end(first(43_200)).times;
        let parts = [times.failed_init, times.program, times.handler];
        assert_eq!(parts.map(|part| part.as_millis()), [210, 3_000, 40_000]);
    }
}
