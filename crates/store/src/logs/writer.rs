//! The writer thread: one write for each function and wake-up, then the subscribers.

use super::queue::Waiting;
use super::{LogEvent, Shared, lock};
use lambkin_model::{FunctionName, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Under load events gather this long, so that appending needs no wake-up and writing few calls.
const GATHER: Duration = Duration::from_millis(10);

/// Runs until told to stop and nothing waits.
pub(super) fn run(shared: &Shared) {
    loop {
        match shared.queue.take() {
            None => std::thread::park(),
            Some(waiting) => {
                let stopping = waiting.stopping;
                write(shared, waiting);
                if stopping {
                    return;
                }
                std::thread::park_timeout(GATHER);
            }
        }
    }
}

fn write(shared: &Shared, waiting: Waiting) {
    let mut by_function: BTreeMap<FunctionName, Vec<LogEvent>> = BTreeMap::new();
    for (function, events) in waiting.batches {
        by_function.entry(function).or_default().extend(events);
    }
    for (function, count) in waiting.dropped {
        by_function.entry(function).or_default().push(note(count));
    }
    for (function, events) in by_function {
        let events: Vec<_> = events
            .into_iter()
            .map(|event| Arc::new(event.bounded()))
            .collect();
        let mut bytes = Vec::new();
        events.iter().for_each(|event| event.write(&mut bytes));
        let first = events.first().map_or(Timestamp(0), |event| event.timestamp);
        if let Err(error) = lock(&shared.segments).append(&function, first, &bytes) {
            tracing::error!(%function, events = events.len(), "log events are lost: {error}");
        }
        publish(shared, &function, events);
    }
    for written in waiting.written {
        // Who asked may have gone.
        let _ = written.send(());
    }
}

fn publish(shared: &Shared, function: &FunctionName, events: Vec<Arc<LogEvent>>) {
    let sender = lock(&shared.subscribers).get(function).cloned();
    if let Some(sender) = sender {
        // Sending fails only when the last subscriber has just gone.
        events
            .into_iter()
            .for_each(|event| drop(sender.send(event)));
    }
}

fn note(count: u64) -> LogEvent {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    LogEvent {
        timestamp: Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX)),
        request_id: None,
        stream: "lambkin".into(),
        message: format!(
            "{count} log events were dropped: they came faster than the disk takes them"
        ),
    }
}
