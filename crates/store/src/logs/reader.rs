//! Reading a function's log: newest segment first, so that the newest events cost the least.

use super::event::{self, LogEvent};
use super::segments::Extent;
use crate::Error;
use lambkin_model::{RequestId, Timestamp, Version};
use std::fs::File;
use std::io::{self, Read};

/// Bytes of messages in one answer: it is held in memory.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Which events are wanted; all, if nothing is said.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Those of this moment or later.
    pub since: Option<Timestamp>,
    /// Those of one invoke.
    pub request_id: Option<RequestId>,
    /// Those that one version wrote.
    pub version: Option<Version>,
}

impl LogFilter {
    fn is_after(&self, event: &LogEvent) -> bool {
        self.since.is_none_or(|since| event.timestamp >= since)
    }

    /// Whether this event is one of them.
    pub fn wants(&self, event: &LogEvent) -> bool {
        let (request_id, version) = (self.request_id, self.version);
        self.is_after(event)
            && request_id.is_none_or(|id| event.request_id == Some(id))
            && version.is_none_or(|version| event.is_of(version))
    }
}

/// The newest `limit` events that are wanted, oldest first.
pub(super) fn read(
    extents: &[Extent],
    wanted: &LogFilter,
    limit: usize,
) -> Result<Vec<LogEvent>, Error> {
    let mut events = Vec::new();
    let mut bytes = 0;
    'segments: for extent in extents.iter().rev() {
        let mut is_all_before = true;
        for event in content(extent)?
            .rsplit(|byte| *byte == b'\n')
            .filter_map(event::read)
        {
            is_all_before &= !wanted.is_after(&event);
            if !wanted.wants(&event) {
                continue;
            }
            bytes += event.message.len();
            if events.len() >= limit || bytes > ANSWER_BYTES_MAX {
                break 'segments;
            }
            events.push(event);
        }
        // Older segments are older still; a torn or empty one tells nothing.
        if is_all_before && wanted.since.is_some() && extent.bytes > 0 {
            break;
        }
    }
    events.reverse();
    // Streams are written as they come; a moment's lines keep their order.
    events.sort_by_key(|event| event.timestamp);
    Ok(events)
}

/// The written part of a segment; nothing of one that the caps have removed meanwhile.
fn content(extent: &Extent) -> Result<Vec<u8>, Error> {
    let mut content = Vec::with_capacity(extent.bytes as usize);
    match File::open(&extent.path) {
        Ok(file) => file.take(extent.bytes).read_to_end(&mut content)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(content)
}
