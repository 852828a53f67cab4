//! One log event, and its form in a file: a line of JSON.

use lambkin_model::{RequestId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest message, in bytes, as in CloudWatch; longer ones are cut and marked.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
const CUT: &str = " [cut]";

/// One log event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When it was written.
    pub timestamp: Timestamp,
    /// The invoke it belongs to; absent during INIT.
    pub request_id: Option<RequestId>,
    /// The log stream: one per environment.
    pub stream: Arc<str>,
    /// The text, without a line feed at its end. At most 256 KiB are kept.
    pub message: String,
}

#[derive(Serialize, Deserialize)]
struct Line<'l> {
    t: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<RequestId>,
    s: &'l str,
    #[serde(borrow)]
    m: std::borrow::Cow<'l, str>,
}

impl LogEvent {
    /// Cuts a message that is too long.
    pub(super) fn bounded(mut self) -> Self {
        if self.message.len() > MESSAGE_BYTES_MAX {
            let end = self
                .message
                .floor_char_boundary(MESSAGE_BYTES_MAX - CUT.len());
            self.message.truncate(end);
            self.message.push_str(CUT);
        }
        self
    }

    /// Appends its line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let line = Line {
            t: self.timestamp.0,
            r: self.request_id,
            s: &self.stream,
            m: (&*self.message).into(),
        };
        // Writing to memory does not fail, and no value here is without a JSON form.
        if serde_json::to_writer(&mut *out, &line).is_ok() {
            out.push(b'\n');
        }
    }

    /// Reads a line; `None` for one that a kill cut off.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        Some(Self {
            timestamp: Timestamp(line.t),
            request_id: line.r,
            stream: line.s.into(),
            message: line.m.into_owned(),
        })
    }
}
