//! Logs: the events of each function, in segment files with caps.
//!
//! ```text
//! append ──bounded queue──▶ writer thread ──▶ logs/<function>/<segment>, oldest removed beyond the caps
//!                                        └──▶ subscribers
//! ```
//! Appending never waits: when the queue is full, events are dropped, counted, and the count is written into
//! the function's log. Logs outlive their function, as on AWS. A kill may take what was queued, some
//! milliseconds of log.

mod event;
mod queue;
mod read;
mod segments;
mod writer;

use crate::Error;
use crate::worker::Worker;
use lambkin_model::{FunctionName, RequestId, Timestamp};
use queue::Queue;
use segments::Segments;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::Duration;
use tokio::sync::{broadcast, oneshot};

pub use event::LogEvent;

/// Folder of the segments.
pub(crate) const FOLDER: &str = "logs";
/// Events that a slow subscriber may be behind before it loses the oldest.
const SUBSCRIBER_EVENTS_MAX: usize = 4_096;
/// Longest that a read waits for what is queued; the writer takes what waits every few milliseconds.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Log events per function, in capped segment files.
pub struct Logs {
    shared: Arc<Shared>,
    writer: Thread,
    worker: Worker,
}

/// What callers and the writer thread share.
struct Shared {
    queue: Queue,
    segments: Mutex<Segments>,
    subscribers: Mutex<HashMap<FunctionName, broadcast::Sender<Arc<LogEvent>>>>,
}

impl Logs {
    /// `function_bytes_max` and `total_bytes_max` cap the files of one function and of all.
    pub(crate) fn open(
        data_dir: &Path,
        function_bytes_max: u64,
        total_bytes_max: u64,
    ) -> io::Result<Self> {
        let folder = data_dir.join(FOLDER);
        crate::folder::make_private(&folder)?;
        let shared = Arc::new(Shared {
            queue: Queue::default(),
            segments: Mutex::new(Segments::open(
                &folder,
                function_bytes_max,
                total_bytes_max,
            )?),
            subscribers: Mutex::default(),
        });
        let own = Arc::clone(&shared);
        let worker = Worker::spawn("store-logs", move || writer::run(&own))?;
        let writer = worker
            .thread()
            .ok_or_else(|| io::Error::other("no log writer"))?;
        Ok(Self {
            shared,
            writer,
            worker,
        })
    }

    /// Queues events; never waits. When the queue is full they are dropped, and their number is noted in the log.
    pub fn append(&self, function: &FunctionName, events: Vec<LogEvent>) {
        if self.shared.queue.push(function, events) {
            self.writer.unpark();
        }
    }

    /// The newest `limit` events at or after `since`, oldest first, with everything appended before.
    pub async fn read(
        &self,
        function: &FunctionName,
        since: Option<Timestamp>,
        request_id: Option<RequestId>,
        limit: usize,
    ) -> Result<Vec<LogEvent>, Error> {
        self.flush().await;
        let files = lock(&self.shared.segments).files(function, since);
        let wanted = read::Wanted {
            since,
            request_id,
            limit,
        };
        let task = tokio::task::spawn_blocking(move || read::newest(&files, &wanted));
        task.await
            .unwrap_or_else(|error| Err(Error::Unavailable(format!("logs: {error}"))))
    }

    /// Events from now on. A slow receiver loses the oldest.
    pub fn subscribe(&self, function: &FunctionName) -> broadcast::Receiver<Arc<LogEvent>> {
        let mut subscribers = lock(&self.shared.subscribers);
        subscribers.retain(|_, sender| sender.receiver_count() > 0);
        let sender = subscribers
            .entry(function.clone())
            .or_insert_with(|| broadcast::channel(SUBSCRIBER_EVENTS_MAX).0);
        sender.subscribe()
    }

    /// Functions, deleted ones too, that have a log.
    pub fn functions(&self) -> Vec<FunctionName> {
        lock(&self.shared.segments).functions()
    }

    /// Writes what is queued and ends the thread. Blocking, for at most `limit`.
    pub(crate) fn close(&self, limit: Duration) {
        self.shared.queue.stop();
        self.writer.unpark();
        self.worker.wait(limit);
    }

    /// Waits until what is queued now is written; gives up on a disk that hangs.
    async fn flush(&self) {
        let (sender, written) = oneshot::channel();
        self.shared.queue.on_written(sender);
        self.writer.unpark();
        // Too late or never: then what is written is shown.
        let _ = tokio::time::timeout(FLUSH_TIMEOUT, written).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
