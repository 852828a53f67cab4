//! One event: as callers hand it in, and as a line of JSON on disk.

use lambkin_model::{RequestId, Start, Timestamp, Version};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// Bytes of one message: CloudWatch's limit of an event. A longer one is kept in parts.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// What an event costs beside its message.
const EVENT_BYTES: usize = 128;

/// One log event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When it was written.
    pub timestamp: Timestamp,
    /// The invoke it belongs to; none during INIT.
    pub request_id: Option<RequestId>,
    /// The log stream: one per environment.
    pub stream: Arc<str>,
    /// The text, without its last line feed. More than 256 KiB become several events.
    pub message: String,
    /// Of a REPORT: how its invoke got its environment.
    pub start: Option<Start>,
}

impl LogEvent {
    /// Which version wrote it, as its stream says: `2026/10/08/[<version>]<32hex>`.
    pub fn is_of(&self, version: Version) -> bool {
        let rest = self.stream.split_once('[').map(|(_, rest)| rest);
        let written = rest.and_then(|rest| rest.split_once(']'));
        written.is_some_and(|(written, _)| match version {
            Version::Latest => written == "$LATEST",
            Version::Published(number) => written.parse() == Ok(number),
        })
    }
}

/// Events that were not kept: how many, and where the last of them belonged.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) events: u64,
    pub(super) timestamp: Timestamp,
    pub(super) stream: Arc<str>,
}

impl Lost {
    /// The event that stands in for those that were lost.
    pub(super) fn note(&self) -> LogEvent {
        LogEvent {
            timestamp: self.timestamp,
            request_id: None,
            stream: Arc::clone(&self.stream),
            message: format!(
                "[lambkin] {} log events were dropped: more came than could be written",
                self.events
            ),
            start: None,
        }
    }
}

/// An event on disk.
#[derive(Serialize, Deserialize)]
struct Line<'l> {
    timestamp_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    #[serde(borrow)]
    stream: Cow<'l, str>,
    #[serde(borrow)]
    message: Cow<'l, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<Start>,
}

/// What events weigh in the queue.
pub(super) fn queued_bytes(events: &[LogEvent]) -> usize {
    events
        .iter()
        .map(|event| event.message.len() + EVENT_BYTES)
        .sum()
}

/// The event itself, or the parts of one that is too long, cut between characters.
pub(super) fn parts(event: LogEvent) -> Vec<LogEvent> {
    if event.message.len() <= MESSAGE_BYTES_MAX {
        return vec![event];
    }
    let mut parts = Vec::new();
    let mut rest = event.message.as_str();
    while !rest.is_empty() {
        let (part, next) = rest.split_at(rest.floor_char_boundary(MESSAGE_BYTES_MAX));
        parts.push(LogEvent {
            message: part.to_owned(),
            stream: Arc::clone(&event.stream),
            ..event
        });
        rest = next;
    }
    parts
}

/// Appends the event as a line.
pub(super) fn write(event: &LogEvent, out: &mut Vec<u8>) {
    let line = Line {
        timestamp_ms: event.timestamp.0,
        request_id: event.request_id,
        stream: Cow::Borrowed(&event.stream),
        message: Cow::Borrowed(&event.message),
        start: event.start,
    };
    let begin = out.len();
    match serde_json::to_writer(&mut *out, &line) {
        Ok(()) => out.push(b'\n'),
        // Strings and numbers always become JSON; half a line must never stay.
        Err(_) => out.truncate(begin),
    }
}

/// Reads a line; `None` for the torn rest of one.
pub(super) fn read(line: &[u8]) -> Option<LogEvent> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    Some(LogEvent {
        timestamp: Timestamp(line.timestamp_ms),
        request_id: line.request_id,
        stream: line.stream.into(),
        message: line.message.into_owned(),
        start: line.start,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str) -> LogEvent {
        LogEvent {
            timestamp: Timestamp(-5),
            request_id: Some(RequestId::random()),
            stream: "2026/01/12/[$LATEST]0".into(),
            message: message.to_owned(),
            start: Some(Start::Pooled),
        }
    }

    #[test]
    fn any_text_comes_back_as_one_line() {
        for message in [
            "",
            "plain",
            "two\nlines\r\n",
            "\u{0}\u{1b}[31m \"q\" \\ é 🦙",
            "{\"json\": true}",
        ] {
            for request_id in [None, Some(RequestId::random())] {
                let event = LogEvent {
                    request_id,
                    ..event(message)
                };
                let mut line = Vec::new();
                write(&event, &mut line);
                assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
                assert_eq!(read(&line), Some(event));
            }
        }
    }

    #[test]
    fn a_torn_line_is_no_event() {
        let mut line = Vec::new();
        write(&event("message"), &mut line);
        (0..line.len() - 1).for_each(|cut| assert_eq!(read(&line[..cut]), None, "{cut}"));
    }

    #[test]
    fn a_long_message_is_kept_in_parts_between_characters() {
        let long = format!("x{}", "é".repeat(MESSAGE_BYTES_MAX));
        let parts = parts(event(&long));
        assert_eq!(parts.len(), 3);
        assert!(
            parts
                .iter()
                .all(|part| part.message.len() <= MESSAGE_BYTES_MAX)
        );
        assert_eq!(
            parts
                .iter()
                .map(|part| part.message.as_str())
                .collect::<String>(),
            long
        );
    }
}
