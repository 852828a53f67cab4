//! The writer thread: takes what is queued, writes it function by function, tells the followers.
//!
//! It sleeps a moment before it writes: whoever has appended is in the middle of an invoke and needs the processor, and
//! many small appends become one write.

use super::Shared;
use super::event::{self, LogEvent, Lost};
use super::followers::BEHIND_MAX;
use super::segments::{Extent, Segments};
use lambkin_model::FunctionName;
use std::collections::HashMap;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;
use tokio::sync::broadcast::Sender;
use tokio::sync::oneshot;

/// The longest that an event waits for the writer to begin.
const NAP: Duration = Duration::from_millis(10);
/// How long one round waits, in all, for followers that are behind: a burst is not lost to them, and one that
/// stands still delays the log by no more than this.
const PATIENCE: Duration = Duration::from_millis(50);
/// Time in which a follower takes hundreds of events.
const PAUSE: Duration = Duration::from_millis(1);
/// Lines of one function that are written at once.
const WRITE_BYTES_MAX: usize = 1024 * 1024;

/// What the queue carries.
pub(super) enum Command {
    Append {
        function: FunctionName,
        events: Vec<LogEvent>,
        bytes: usize,
    },
    /// Answers with the files that hold everything queued before.
    Mark {
        function: FunctionName,
        answer: oneshot::Sender<Vec<Extent>>,
    },
    Stop,
}

pub(super) struct Writer {
    segments: Segments,
    shared: Arc<Shared>,
    pending: HashMap<FunctionName, Pending>,
    is_failing: bool,
    patience: Duration,
}

/// Lines of one function that are not written yet.
#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    events: u64,
    last: Option<Lost>,
}

impl Writer {
    pub(super) fn new(segments: Segments, shared: Arc<Shared>) -> Self {
        Self {
            segments,
            shared,
            pending: HashMap::new(),
            is_failing: false,
            patience: PATIENCE,
        }
    }

    /// Runs until it is told to stop or every handle is gone.
    pub(super) fn run(&mut self, commands: &Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            self.patience = PATIENCE;
            if matches!(first, Command::Append { .. }) {
                thread::sleep(NAP);
            }
            let mut is_running = self.handle(first);
            while let (true, Ok(next)) = (is_running, commands.try_recv()) {
                is_running = self.handle(next);
            }
            self.note_lost();
            self.flush_all();
            if !is_running {
                return;
            }
        }
    }

    fn handle(&mut self, command: Command) -> bool {
        match command {
            Command::Append {
                function,
                events,
                bytes,
            } => {
                self.shared.unqueue(&function, bytes);
                self.take(&function, events);
            }
            Command::Mark { function, answer } => {
                self.note_lost();
                self.flush(&function);
                // A reader that went away needs no answer.
                let _ = answer.send(self.segments.extents(&function));
            }
            Command::Stop => return false,
        }
        true
    }

    fn take(&mut self, function: &FunctionName, events: Vec<LogEvent>) {
        let follower = self.shared.followers.of(function);
        for event in events.into_iter().flat_map(event::parts) {
            let pending = self.pending.entry(function.clone()).or_default();
            event::write(&event, &mut pending.lines);
            pending.events += 1;
            pending.last = Some(Lost {
                events: 0,
                timestamp: event.timestamp,
                stream: Arc::clone(&event.stream),
            });
            if pending.lines.len() >= WRITE_BYTES_MAX {
                self.flush(function);
            }
            if let Some(follower) = &follower {
                self.tell(follower, event);
            }
        }
    }

    fn tell(&mut self, follower: &Sender<Arc<LogEvent>>, event: LogEvent) {
        while follower.len() >= BEHIND_MAX && !self.patience.is_zero() {
            thread::sleep(PAUSE);
            self.patience = self.patience.saturating_sub(PAUSE);
        }
        // Fails when the last follower has just left.
        let _ = follower.send(Arc::new(event));
    }

    fn note_lost(&mut self) {
        let lost = std::mem::take(
            &mut *self
                .shared
                .lost
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for (function, lost) in lost {
            self.take(&function, vec![lost.note()]);
        }
    }

    fn flush_all(&mut self) {
        let functions: Vec<_> = self.pending.keys().cloned().collect();
        functions.iter().for_each(|function| self.flush(function));
    }

    fn flush(&mut self, function: &FunctionName) {
        let Some(pending) = self.pending.remove(function) else {
            return;
        };
        match self.segments.append(function, &pending.lines) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !self.is_failing {
                    tracing::error!(%function, %error, "log events cannot be written; check the disk of the data folder");
                }
                self.is_failing = true;
                if let Some(last) = pending.last {
                    self.shared.lose(
                        function,
                        Lost {
                            events: pending.events,
                            ..last
                        },
                    );
                }
            }
        }
    }
}
