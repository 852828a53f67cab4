//! How many environments start at one time.
//!
//! A start is work for a processor, so more at one time than there are processors for makes all of them late, and the
//! first ready one drains a queue of short invokes before the others would be there. A start that mostly waits, for
//! what its function loads from elsewhere, gives up its turn after a moment.
//!
//! ```text
//! short of an environment ─▶ turn asked for ─▶ taken ─▶ made, INIT ─▶ ready, failed, or some time later: over
//!                            (a generation has few in the queue, so that each gets its share)
//! ```

use super::Generation;
use crate::memory::Booking;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Two for each processor: a start waits for the kernel here and there.
const PER_PROCESSOR: usize = 2;
/// Longer than an interpreter needs to start on a processor that others use as well.
const TURN_MAX: Duration = Duration::from_millis(50);

/// The turns of one machine.
pub(crate) struct Launches {
    turns: Arc<Semaphore>,
    processors: usize,
    at_once: usize,
}

impl Launches {
    /// As many as this machine's processors suffice for.
    pub(crate) fn new() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        let at_once = processors * PER_PROCESSOR;
        Self {
            processors,
            turns: Arc::new(Semaphore::new(at_once)),
            at_once,
        }
    }

    pub(super) fn processors(&self) -> usize {
        self.processors
    }

    /// Starts of one generation that are on their way or in the queue for a turn.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// Waits for a turn. None if the environment is not needed any more by then.
    pub(crate) async fn turn(
        &self,
        generation: &Arc<Generation>,
        booking: Booking,
    ) -> Option<Turn> {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        if !generation.still_needs_one() {
            return None;
        }
        let turn = Turn(Arc::new(Held {
            since: Instant::now(),
            permit: Mutex::new(Some(permit)),
            booking: Mutex::new(Some(booking)),
            generation: Arc::clone(generation),
        }));
        let held = Arc::downgrade(&turn.0);
        tokio::spawn(async move {
            tokio::time::sleep(TURN_MAX).await;
            if let Some(held) = held.upgrade() {
                held.end();
            }
        });
        Some(turn)
    }
}

/// Over when the last copy of it is dropped, or before.
#[derive(Clone)]
pub(crate) struct Turn(Arc<Held>);

struct Held {
    since: Instant,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    /// Until the environment is ready, however long a turn is.
    booking: Mutex<Option<Booking>>,
    generation: Arc<Generation>,
}

impl Turn {
    /// The environment is ready. How long it took, which may be longer than a turn.
    pub(crate) fn end(&self) -> Duration {
        self.0.end();
        drop(take(&self.0.booking));
        self.0.since.elapsed()
    }
}

impl Held {
    fn end(&self) {
        if let Some(permit) = take(&self.permit) {
            drop(permit);
            self.generation.launched();
        }
    }
}

fn take<T>(held: &Mutex<Option<T>>) -> Option<T> {
    held.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for Held {
    fn drop(&mut self) {
        self.end();
    }
}
