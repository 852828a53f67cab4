//! What an environment writes down: its log and one usage record per invoke.

use crate::failure::Failure;
use crate::invocation::{Invocation, now};
use crate::invoke::Answer;
use crate::log::{Phase, Recorder, Report};
use crate::start::{Clock, First, FunctionStarts, Telling};
use bytes::Bytes;
use lambkin_model::{Function, NetworkUsage, Outcome, RequestId, Start, Timestamp, UsageRecord};
use lambkin_sandbox::Usage;
use lambkin_store::Store;
use std::sync::Arc;
use std::time::Duration;

/// The log, and what has been metered so far.
pub(crate) struct Books {
    log: Recorder,
    /// The sandbox's counters at the end of the last invoke.
    usage: Usage,
    /// Length of an INIT that no invoke has paid for yet.
    init: Option<Duration>,
    /// Until the first answer.
    start: Option<Box<Starting>>,
}

/// A start on its way, and where it will be kept.
struct Starting {
    clock: Clock,
    kept: Arc<FunctionStarts>,
}

/// What an invocation used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// Time that it had.
    pub(crate) took: Duration,
    /// The sandbox's counters at its end; none if they could not be read.
    pub(crate) usage: Option<Usage>,
    /// What went through connections since the invocation before.
    pub(crate) network: NetworkUsage,
}

impl Starting {
    /// The first invoke is over.
    fn end(self, invocation: &Invocation, outcome: Outcome, took: Duration) -> Start {
        let kind = self.clock.kind();
        let first = First {
            at: invocation.accepted,
            request_id: invocation.request.request_id,
            outcome,
            took,
        };
        self.kept.keep(self.clock.end(first));
        kind
    }
}

impl Books {
    /// What the sandbox has used `before` is nobody's.
    pub(crate) fn new(
        log: Recorder,
        before: Usage,
        clock: Clock,
        kept: Arc<FunctionStarts>,
    ) -> Self {
        Self {
            log,
            usage: before,
            init: None,
            start: Some(Box::new(Starting { clock, kept })),
        }
    }

    /// INIT begins for the first time.
    pub(crate) fn initialising(&mut self, note: Option<&str>) {
        self.log.init_start(now());
        if let Some(note) = note {
            self.log.note(now(), note);
        }
    }

    /// An INIT went well. One outside an invoke is paid by the first invoke.
    pub(crate) fn initialised(&mut self, phase: Phase, took: Duration, telling: Option<Telling>) {
        self.log.init_report(now(), phase, took, None);
        if phase == Phase::Init {
            self.init = Some(took);
        }
        if let Some(start) = &mut self.start {
            start.clock.initialised(phase, took, telling);
        }
    }

    /// An INIT failed.
    pub(crate) fn init_failed(&mut self, phase: Phase, took: Duration, failure: &Failure) {
        self.log.init_report(now(), phase, took, Some(failure));
        if let Some(start) = &mut self.start {
            start.clock.init_failed(phase, took);
        }
    }

    /// The clock of a start that no invoke has seen, as if it began again.
    pub(crate) fn take_clock(&mut self) -> Option<Clock> {
        let mut clock = self.start.take()?.clock;
        clock.begin_again();
        Some(clock)
    }

    /// An invoke begins.
    pub(crate) fn started(&mut self, at: Timestamp, id: RequestId, wants_tail: bool) {
        self.log.start(at, id, wants_tail);
    }

    /// The function wrote something.
    pub(crate) fn output(&mut self, at: Timestamp, bytes: &[u8]) {
        self.log.output(at, bytes);
    }

    /// Whether the kernel has killed a process for want of memory, and no end is explained by it yet.
    pub(crate) fn has_lost_a_process(&self, usage: Usage) -> bool {
        usage.oom_kills > self.usage.oom_kills
    }

    /// What a program's end was, seen with the sandbox's counters: each kill explains one end.
    pub(crate) fn classify(&mut self, failure: Failure, usage: Option<Usage>) -> Failure {
        let kills = usage.map_or(self.usage.oom_kills, |usage| usage.oom_kills);
        let killed = kills > std::mem::replace(&mut self.usage.oom_kills, kills);
        match failure {
            Failure::Exited(_) if killed => Failure::OutOfMemory,
            other => other,
        }
    }

    /// The environment stands still: CPU time since its last invoke, in microseconds, which the next one is not
    /// charged for. What INIT used is the first one's.
    pub(crate) fn rested(&mut self, usage: Usage) -> Option<u64> {
        let used = usage.cpu_us.saturating_sub(self.usage.cpu_us);
        self.start.is_none().then(|| {
            self.usage.cpu_us = usage.cpu_us;
            used
        })
    }

    /// A word of the platform's own.
    pub(crate) fn note(&mut self, text: &str) {
        self.log.note(now(), text);
    }

    /// An invoke is over: one usage record, the last lines of its log, its answer. And its CPU time, if that is known
    /// and a start was no part of it.
    pub(crate) fn conclude(
        &mut self,
        function: &Function,
        invocation: &Invocation,
        result: Result<Bytes, Failure>,
        used: Used,
        store: &Store,
    ) -> (Answer, Option<Duration>) {
        let id = invocation.request.request_id;
        let result = result.map_err(|failure| self.classify(failure, used.usage));
        let failure = result.as_ref().err();
        let record = self.meter(function, invocation, failure, used);
        if let Err(error) = store.journal().append(&record) {
            tracing::error!(%error, request_id = %id, "a usage record is lost");
        }
        let report = Report {
            id,
            duration: Duration::from_micros(record.duration_us),
            billed_ms: record.billed_ms,
            memory_mb: record.memory_mb,
            memory_peak_mb: record.memory_peak_bytes.div_ceil(1 << 20),
            init: record.init_us.map(Duration::from_micros),
            start: record.start_kind,
            failure,
        };
        self.log.ensure_start(now(), id, invocation.request.tail);
        let log_tail = self.log.report(now(), &report).map(Bytes::from);
        let failed = result.is_err();
        let answer = Answer {
            payload: result.unwrap_or_else(|failure| failure.payload(id)),
            failed,
            executed_version: function.version,
            log_tail,
            trace: invocation.trace.clone(),
        };
        let known = used.usage.is_some() && record.start_kind == Start::Warm;
        (answer, known.then(|| Duration::from_micros(record.cpu_us)))
    }

    fn meter(
        &mut self,
        function: &Function,
        invocation: &Invocation,
        failure: Option<&Failure>,
        used: Used,
    ) -> UsageRecord {
        let duration = match failure {
            Some(Failure::TimedOut(limit)) => *limit,
            _ => used.took,
        };
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let init_us = self
            .init
            .take()
            .and_then(|init| u64::try_from(init.as_micros()).ok());
        let usage = used.usage.unwrap_or(self.usage);
        let before = std::mem::replace(&mut self.usage, usage);
        let outcome = failure.map_or(Outcome::Success, Failure::outcome);
        let start_kind = match self.start.take() {
            None => Start::Warm,
            Some(start) => start.end(invocation, outcome, used.took),
        };
        UsageRecord {
            scope: function.scope.clone(),
            function: function.name.clone(),
            version: function.version,
            request_id: invocation.request.request_id,
            start: invocation.accepted,
            duration_us,
            billed_ms: UsageRecord::billed_ms(duration_us, init_us),
            init_us,
            memory_mb: function.settings.memory_mb,
            ephemeral_mb: function.settings.ephemeral_mb,
            architecture: function.settings.architecture,
            memory_peak_bytes: usage.memory_peak_bytes,
            cpu_us: usage.cpu_us.saturating_sub(before.cpu_us),
            outcome,
            start_kind,
            network: used.network,
        }
    }

    /// Hands the log to the store, which never waits.
    pub(crate) fn flush(&mut self, store: &Store) {
        let events = self.log.take_events();
        if !events.is_empty() {
            store.logs().append(self.log.function(), events);
        }
    }
}
