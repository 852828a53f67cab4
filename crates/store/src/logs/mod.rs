//! Logs: events per function, in capped segment files of JSON lines.
//!
//! Owns: `logs/<function>/<number>.ndjson`, the queue before them, followers, and the caps. Refuses: what
//! the lines say, and durability beyond the process: a kill costs what is queued, some milliseconds.
//!
//! ```text
//! append ──bounded queue, never waits──▶ writer thread ─▶ segment files, oldest removed above the caps
//!                                                     └─▶ followers (broadcast)
//! read ──marker through the same queue──▶ writer: "all before you is in these files" ─▶ files, newest first
//! ```

mod event;
mod followers;
mod reader;
mod segments;
mod writer;

pub use event::LogEvent;
pub use reader::LogFilter;

use crate::folder::{self, Folder};
use crate::worker::Worker;
use crate::{Error, OpenError};
use event::Lost;
use followers::Followers;
use lambkin_model::FunctionName;
pub(crate) use segments::Caps;
use segments::Segments;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, oneshot};
use writer::{Command, Writer};

const FOLDER: &str = "logs";
/// Batches that wait for the writer: a second of invokes on two cores.
const QUEUE_BATCHES_MAX: usize = 16_384;
/// Bytes of messages that wait for the writer.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Accounts of what functions have in the queue; a few functions share one by chance.
const ACCOUNTS: usize = 256;
/// A reader waits this long for the writer to come to its marker.
const MARKER_WAIT_MAX: Duration = Duration::from_secs(10);

/// Log events per function, in capped segment files.
pub struct Logs {
    folder: PathBuf,
    queue: SyncSender<Command>,
    shared: Arc<Shared>,
    thread: Worker,
}

/// What callers and the writer share besides the queue.
#[derive(Debug)]
struct Shared {
    queued_bytes: AtomicUsize,
    accounts: [AtomicUsize; ACCOUNTS],
    /// Chosen at random, so that nobody can name a function into another's account.
    accounting: RandomState,
    followers: Followers,
    /// Events that found the queue full or the disk failing; empty as a rule.
    lost: Mutex<HashMap<FunctionName, Lost>>,
}

impl Logs {
    pub(crate) fn open(data_dir: &Arc<Folder>, caps: Caps) -> Result<Self, OpenError> {
        let folder = data_dir.path().join(FOLDER);
        let failed = |source| OpenError::io("prepare", &folder, source);
        folder::make_private(&folder).map_err(failed)?;
        let segments = Segments::scan(&folder, caps).map_err(failed)?;
        let (queue, commands) = sync_channel(QUEUE_BATCHES_MAX);
        let shared = Arc::new(Shared::new());
        let mut writer = Writer::new(segments, Arc::clone(&shared));
        let data_dir = Arc::clone(data_dir);
        let body = move || {
            writer.run(&commands);
            drop(data_dir);
        };
        let thread = Worker::spawn("store-logs", body).map_err(failed)?;
        Ok(Self {
            folder,
            queue,
            shared,
            thread,
        })
    }

    /// Queues events for the writer thread; never blocks. When the bounded queue is full they are
    /// dropped, and their number is noted in the function's log.
    pub fn append(&self, function: &FunctionName, events: Vec<LogEvent>) {
        let Some(last) = events.last() else { return };
        let lost = Lost {
            events: events.len() as u64,
            timestamp: last.timestamp,
            stream: Arc::clone(&last.stream),
        };
        let bytes = event::queued_bytes(&events);
        let fits = self.shared.queue(function, bytes);
        let command = Command::Append {
            function: function.clone(),
            events,
            bytes,
        };
        if !fits || self.queue.try_send(command).is_err() {
            self.shared.unqueue(function, bytes);
            self.shared.lose(function, lost);
        }
    }

    /// The newest `limit` events that are wanted, oldest first, including what was queued before the call. An answer has at most 64 MiB of messages.
    pub async fn read(
        &self,
        function: &FunctionName,
        wanted: LogFilter,
        limit: usize,
    ) -> Result<Vec<LogEvent>, Error> {
        let (sender, receiver) = oneshot::channel();
        let command = Command::Mark {
            function: function.clone(),
            answer: sender,
        };
        self.queue.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => {
                Error::Unavailable("the log writer is behind; try again".to_owned())
            }
            TrySendError::Disconnected(_) => Error::Unavailable("the store is closed".to_owned()),
        })?;
        let extents = match tokio::time::timeout(MARKER_WAIT_MAX, receiver).await {
            Ok(Ok(extents)) => extents,
            Ok(Err(_)) => return Err(Error::Unavailable("the store is closed".to_owned())),
            Err(_) => {
                return Err(Error::Unavailable(
                    "the log writer is behind; try again".to_owned(),
                ));
            }
        };
        let task = tokio::task::spawn_blocking(move || reader::read(&extents, &wanted, limit));
        task.await
            .unwrap_or_else(|error| Err(Error::Unavailable(format!("reading a log: {error}"))))
    }

    /// Events that are written from now on. A slow receiver loses the oldest.
    pub fn subscribe(&self, function: &FunctionName) -> broadcast::Receiver<Arc<LogEvent>> {
        self.shared.followers.subscribe(function)
    }

    /// Functions that have a log. Logs outlive their function, as on AWS, within the caps.
    pub fn functions(&self) -> Vec<FunctionName> {
        let entries = std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten();
        let mut names: Vec<_> = entries
            .filter_map(|entry| FunctionName::new(entry.file_name().to_str()?).ok())
            .collect();
        names.sort();
        names
    }

    /// Writes what is queued and ends the thread. Blocking, for at most `limit`.
    pub(crate) fn close(&self, limit: Duration) {
        // A full queue is being written; the thread then ends with the last handle.
        let _ = self.queue.try_send(Command::Stop);
        self.thread.wait(limit);
    }
}

impl Shared {
    fn new() -> Self {
        Self {
            queued_bytes: AtomicUsize::new(0),
            accounts: [const { AtomicUsize::new(0) }; ACCOUNTS],
            accounting: RandomState::new(),
            followers: Followers::default(),
            lost: Mutex::default(),
        }
    }

    /// Takes room in the queue, and tells whether it was there. A function may have as much as it leaves free: one
    /// that floods has half of the queue, and there is always room for the lines of others.
    fn queue(&self, function: &FunctionName, bytes: usize) -> bool {
        let own = self.account(function).fetch_add(bytes, Ordering::Relaxed) + bytes;
        let all = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        own <= QUEUE_BYTES_MAX.saturating_sub(all)
    }

    fn unqueue(&self, function: &FunctionName, bytes: usize) {
        self.account(function).fetch_sub(bytes, Ordering::Relaxed);
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn account(&self, function: &FunctionName) -> &AtomicUsize {
        let number = self.accounting.hash_one(function) as usize;
        &self.accounts[number % ACCOUNTS]
    }

    fn lose(&self, function: &FunctionName, more: Lost) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let events = lost.get(function).map_or(0, |before| before.events);
        lost.insert(
            function.clone(),
            Lost {
                events: events + more.events,
                ..more
            },
        );
    }
}

#[cfg(test)]
mod tests;
