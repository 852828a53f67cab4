//! The log of one environment: what the function wrote, in lines, among the lines of the platform.
//!
//! Owns: line splitting, attribution to invokes, both formats, the tail of 4 KB, and every bound on all that.
//! Refuses: reading the pipe (`environment`), keeping events (`store`).

mod json;
mod lines;
mod tail;
mod text;

use crate::failure::Failure;
use json::Record;
use lambkin_model::{
    Function, FunctionName, LogFormat, RequestId, Start, SystemLogLevel, Timestamp,
};
use lambkin_store::LogEvent;
use lines::Lines;
use std::sync::Arc;
use std::time::Duration;
use tail::Tail;

/// Most bytes that an environment adds to the log at once; the rest is counted and dropped, so that a function that
/// writes without end costs itself alone.
const BURST_BYTES: i64 = 16 << 20;
/// What it may add to that in a second: 4 MiB, or some 18,000 lines of ordinary length.
const BYTES_PER_MS: i64 = (4 << 20) / 1_000;
/// What a line costs besides its text, in memory and on its way to the store: a million empty ones are no small log.
const LINE_BYTES: i64 = 128;

/// What a REPORT says.
#[derive(Debug)]
pub(crate) struct Report<'r> {
    pub(crate) id: RequestId,
    pub(crate) duration: Duration,
    pub(crate) billed_ms: u64,
    pub(crate) memory_mb: u32,
    pub(crate) memory_peak_mb: u64,
    pub(crate) init: Option<Duration>,
    pub(crate) start: Start,
    pub(crate) failure: Option<&'r Failure>,
}

/// In which phase an INIT ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Before any invoke.
    Init,
    /// Again, inside an invoke.
    Invoke,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// How the program that writes came to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// It was started, to serve.
    Start,
    /// It was started, to be cloned.
    Load,
    /// It is a clone.
    Clone,
}

impl Beginning {
    fn initialization_type(self) -> &'static str {
        match self {
            Self::Start => "on-demand",
            Self::Load | Self::Clone => "snap-start",
        }
    }
}

/// Who writes: the parts of a platform line that never change within an environment.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) function: FunctionName,
    pub(crate) arn: String,
    pub(crate) version: String,
    pub(crate) memory_bytes: u64,
    /// `python:3.11.2`
    pub(crate) runtime_version: String,
    pub(crate) runtime_version_arn: String,
    pub(crate) stream: Arc<str>,
}

/// Composes the log. One per environment; the caller serialises.
#[derive(Debug)]
pub(crate) struct Recorder {
    origin: Origin,
    beginning: Beginning,
    format: LogFormat,
    level: SystemLogLevel,
    lines: Lines,
    invoke: Option<RequestId>,
    tail: Option<Tail>,
    /// Below zero after a piece with many lines: a debt.
    bytes_left: i64,
    /// When the time since was last turned into bytes.
    filled: Timestamp,
    dropped_bytes: u64,
    events: Vec<LogEvent>,
}

impl Recorder {
    pub(crate) fn new(function: &Function, origin: Origin, beginning: Beginning) -> Self {
        Self {
            origin,
            beginning,
            format: function.settings.logging.format,
            level: function.settings.logging.system_level,
            lines: Lines::default(),
            invoke: None,
            tail: None,
            bytes_left: BURST_BYTES,
            filled: Timestamp(0),
            dropped_bytes: 0,
            events: Vec::new(),
        }
    }

    /// INIT begins, or a clone's restoration.
    pub(crate) fn init_start(&mut self, now: Timestamp) {
        let beginning = self.beginning;
        match self.format {
            LogFormat::Text => self.push(now, text::init_start(&self.origin, beginning)),
            LogFormat::Json => {
                let record = Record::init_start(&self.origin, beginning);
                let line = self.json(now, SystemLogLevel::Info, &record);
                self.extend(now, line);
            }
        }
    }

    /// INIT, or its repetition inside an invoke, or a restoration is over.
    pub(crate) fn init_report(
        &mut self,
        now: Timestamp,
        phase: Phase,
        took: Duration,
        failure: Option<&Failure>,
    ) {
        self.end_partial_line(now);
        match self.format {
            LogFormat::Text => {
                let line = match self.beginning {
                    Beginning::Start if failure.is_none() => return,
                    Beginning::Start | Beginning::Load => text::init_report(phase, took, failure),
                    Beginning::Clone => text::restore_report(took, failure),
                };
                self.push(now, line);
            }
            LogFormat::Json => {
                let level = severity(failure, SystemLogLevel::Debug);
                let done = Record::init_runtime_done(phase, failure, self.beginning);
                self.extend(now, self.json(now, level, &done));
                let report = Record::init_report(phase, took, failure, self.beginning);
                self.extend(now, self.json(now, level, &report));
            }
        }
    }

    /// An invoke begins: lines are its own from here, and so is the tail.
    pub(crate) fn start(&mut self, now: Timestamp, id: RequestId, wants_tail: bool) {
        self.end_partial_line(now);
        self.note_dropped(now);
        self.invoke = Some(id);
        self.tail = wants_tail.then(Tail::default);
        match self.format {
            LogFormat::Text => self.push(now, text::start(id, &self.origin.version)),
            LogFormat::Json => {
                let line = self.json(now, SystemLogLevel::Info, &Record::start(&self.origin, id));
                self.extend(now, line);
            }
        }
    }

    /// The same, unless it was written already.
    pub(crate) fn ensure_start(&mut self, now: Timestamp, id: RequestId, wants_tail: bool) {
        if self.invoke != Some(id) {
            self.start(now, id, wants_tail);
        }
    }

    /// What the function wrote.
    pub(crate) fn output(&mut self, now: Timestamp, bytes: &[u8]) {
        self.fill(now);
        let room = usize::try_from(self.bytes_left).unwrap_or(0);
        let kept = bytes.len().min(room);
        self.dropped_bytes += (bytes.len() - kept) as u64;
        let (mut lines, before) = (std::mem::take(&mut self.lines), self.events.len());
        lines.split(&bytes[..kept], |line| self.push(now, line));
        self.lines = lines;
        let cost = kept as i64 + (self.events.len() - before) as i64 * LINE_BYTES;
        self.bytes_left -= cost;
    }

    /// A clock that is set forward gives one burst at most; one that is set back gives nothing.
    fn fill(&mut self, now: Timestamp) {
        let passed_ms = now.0.saturating_sub(self.filled.0).max(0);
        let more = passed_ms.saturating_mul(BYTES_PER_MS);
        self.bytes_left = self.bytes_left.saturating_add(more).min(BURST_BYTES);
        self.filled = now;
    }

    /// An invoke is over. Returns the tail, if it was asked for.
    pub(crate) fn report(&mut self, now: Timestamp, report: &Report<'_>) -> Option<Vec<u8>> {
        self.end_partial_line(now);
        self.note_dropped(now);
        match self.format {
            LogFormat::Text => {
                if let Some(line) = report
                    .failure
                    .and_then(|f| text::failure(now, report.id, f))
                {
                    self.push(now, line);
                }
                self.push(now, text::end(report.id));
                self.push_report(now, text::report(report, self.beginning), report.start);
            }
            LogFormat::Json => {
                let level = severity(report.failure, SystemLogLevel::Debug);
                self.extend(now, self.json(now, level, &Record::runtime_done(report)));
                let level = severity(report.failure, SystemLogLevel::Info);
                let record = Record::report(report, self.beginning);
                if let Some(line) = self.json(now, level, &record) {
                    self.push_report(now, line, report.start);
                }
            }
        }
        self.invoke = None;
        self.tail.take().map(Tail::into_bytes)
    }

    /// A word of the platform's own, in either format.
    pub(crate) fn note(&mut self, now: Timestamp, text: &str) {
        let line = match self.format {
            LogFormat::Text => text.to_owned(),
            LogFormat::Json => json::note(now, text),
        };
        self.push(now, line);
    }

    /// The events since the last call, oldest first.
    pub(crate) fn take_events(&mut self) -> Vec<LogEvent> {
        std::mem::take(&mut self.events)
    }

    /// Whose log it is.
    pub(crate) fn function(&self) -> &FunctionName {
        &self.origin.function
    }

    /// A line of the platform, unless the function asked for graver ones only.
    fn json(&self, now: Timestamp, level: SystemLogLevel, record: &Record<'_>) -> Option<String> {
        (level >= self.level).then(|| record.line(now))
    }

    fn extend(&mut self, now: Timestamp, line: Option<String>) {
        if let Some(line) = line {
            self.push(now, line);
        }
    }

    fn push(&mut self, now: Timestamp, message: String) {
        if let Some(tail) = &mut self.tail {
            tail.push(&message);
        }
        self.events.push(LogEvent {
            timestamp: now,
            request_id: self.invoke,
            stream: Arc::clone(&self.origin.stream),
            message,
            start: None,
        });
    }

    /// AWS's line has no place for how the invoke got its environment, which goes beside it.
    fn push_report(&mut self, now: Timestamp, message: String, start: Start) {
        self.push(now, message);
        if let Some(event) = self.events.last_mut() {
            event.start = Some(start);
        }
    }

    fn end_partial_line(&mut self, now: Timestamp) {
        if let Some(line) = self.lines.take_partial() {
            self.push(now, line);
        }
    }

    fn note_dropped(&mut self, now: Timestamp) {
        let dropped = std::mem::take(&mut self.dropped_bytes);
        if dropped > 0 {
            self.note(
                now,
                &format!(
                    "lambkin: {dropped} bytes of log were dropped: it takes {BURST_BYTES} at once and 4 MiB a second, \
                     counting {LINE_BYTES} more for each line"
                ),
            );
        }
    }
}

/// What failed is a warning on AWS; what went well has the level given.
fn severity(failure: Option<&Failure>, success: SystemLogLevel) -> SystemLogLevel {
    if failure.is_some() {
        SystemLogLevel::Warn
    } else {
        success
    }
}

#[cfg(test)]
mod tests;
