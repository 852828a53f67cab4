//! Reading: from the newest segment backwards, until enough is found.

use super::LogEvent;
use crate::Error;
use lambkin_model::{RequestId, Timestamp};
use std::io;
use std::path::{Path, PathBuf};

/// Which events a reader wants.
pub(super) struct Wanted {
    pub(super) since: Option<Timestamp>,
    pub(super) request_id: Option<RequestId>,
    pub(super) limit: usize,
}

/// The newest events that are wanted, oldest first. `files` are oldest first.
pub(super) fn newest(files: &[PathBuf], wanted: &Wanted) -> Result<Vec<LogEvent>, Error> {
    let mut parts: Vec<Vec<LogEvent>> = Vec::new();
    let mut count = 0;
    for file in files.iter().rev() {
        let part = events(file, wanted)?;
        count += part.len();
        parts.push(part);
        if count >= wanted.limit {
            break;
        }
    }
    let surplus = count.saturating_sub(wanted.limit);
    Ok(parts.into_iter().rev().flatten().skip(surplus).collect())
}

fn events(file: &Path, wanted: &Wanted) -> Result<Vec<LogEvent>, Error> {
    let bytes = match std::fs::read(file) {
        // The caps removed it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes?,
    };
    let id = wanted.request_id.map(|id| id.to_string());
    let lines = bytes.split(|byte| *byte == b'\n');
    // Looked for in the bytes first: parsing every line of a segment is slow.
    let lines = lines.filter(|line| id.as_ref().is_none_or(|id| contains(line, id.as_bytes())));
    let events = lines.filter_map(LogEvent::read);
    let events = events.filter(|event| {
        wanted.since.is_none_or(|since| event.timestamp >= since)
            && (wanted.request_id.is_none() || event.request_id == wanted.request_id)
    });
    Ok(events.collect())
}

fn contains(line: &[u8], wanted: &[u8]) -> bool {
    line.windows(wanted.len()).any(|window| window == wanted)
}
