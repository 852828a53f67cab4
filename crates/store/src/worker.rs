//! A background thread with a name and an owner, whose end is awaited for a bounded time.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often the end is looked for; std has no join with a limit.
const POLL: Duration = Duration::from_millis(1);

pub(crate) struct Worker(Mutex<Option<JoinHandle<()>>>);

impl Worker {
    pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self(Mutex::new(Some(handle))))
    }

    /// Waits up to `limit` for the thread's end, which its owner has asked for already.
    pub(crate) fn wait(&self, limit: Duration) {
        let Some(handle) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        let deadline = Instant::now() + limit;
        while !handle.is_finished() {
            if Instant::now() > deadline {
                tracing::warn!(thread = handle.thread().name(), "did not end in time");
                return;
            }
            thread::sleep(POLL);
        }
        if handle.join().is_err() {
            tracing::error!("a background thread of the store panicked");
        }
    }
}
