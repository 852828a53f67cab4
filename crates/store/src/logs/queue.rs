//! What waits for the writer thread: bounded in bytes, never waited for.

use super::{LogEvent, lock};
use lambkin_model::FunctionName;
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::oneshot;

/// Bytes of events that wait at most: a second of a disk's writing.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// What an event costs beside its message.
const EVENT_BYTES: usize = 96;

#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

/// Everything that waits.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) batches: Vec<(FunctionName, Vec<LogEvent>)>,
    /// Events that found no place, by function.
    pub(super) dropped: HashMap<FunctionName, u64>,
    /// Told when what came before them is written.
    pub(super) written: Vec<oneshot::Sender<()>>,
    pub(super) stopping: bool,
    bytes: usize,
    /// Whether the writer sleeps until it is woken.
    resting: bool,
}

impl Queue {
    /// Adds events or counts them as dropped. Tells whether the writer must be woken.
    pub(super) fn push(&self, function: &FunctionName, events: Vec<LogEvent>) -> bool {
        if events.is_empty() {
            return false;
        }
        let bytes: usize = events
            .iter()
            .map(|event| event.message.len() + EVENT_BYTES)
            .sum();
        let mut waiting = lock(&self.0);
        if waiting.bytes + bytes > BYTES_MAX {
            *waiting.dropped.entry(function.clone()).or_default() += events.len() as u64;
        } else {
            waiting.bytes += bytes;
            waiting.batches.push((function.clone(), events));
        }
        std::mem::take(&mut waiting.resting)
    }

    pub(super) fn on_written(&self, sender: oneshot::Sender<()>) {
        lock(&self.0).written.push(sender);
    }

    pub(super) fn stop(&self) {
        lock(&self.0).stopping = true;
    }

    /// Takes everything; when nothing is there, notes that the writer will rest.
    pub(super) fn take(&self) -> Option<Waiting> {
        let mut waiting = lock(&self.0);
        let nothing = waiting.batches.is_empty() && waiting.dropped.is_empty();
        if nothing && waiting.written.is_empty() && !waiting.stopping {
            waiting.resting = true;
            return None;
        }
        let stopping = waiting.stopping;
        Some(std::mem::replace(
            &mut *waiting,
            Waiting {
                stopping,
                ..Waiting::default()
            },
        ))
    }
}
