//! The database: SQLite in `metadata.db`, one writer thread, one connection for readers.
//!
//! Owns: connections, transactions and group commit. Refuses: what is in the tables (`tables/`).
//!
//! ```text
//! callers ──bounded queue──▶ writer: BEGIN, each write in a savepoint of its own, COMMIT (fsync) ──▶ answers
//! ```
//! While one commit waits for the disk further writes queue up and share the next one. WAL with
//! `synchronous=FULL`: what was answered survives a power loss.

mod writer;

use crate::Error;
use crate::folder::Folder;
use crate::worker::Worker;
use rusqlite::{Connection, Transaction};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use writer::Job;

/// Name of the database's file in the data folder; SQLite keeps `-wal` and `-shm` beside it.
pub(crate) const FILE: &str = "metadata.db";
/// Writes that wait for the writer: a second of group commits; further callers wait for a place.
const QUEUE_MAX: usize = 1_024;
/// A reader waits this long for a lock that another process holds, for instance a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The WAL shrinks to this size after a large transaction.
const WAL_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// A connection set up as all of ours are.
pub(crate) fn connect(folder: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(folder.join(FILE))?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Handle on the writer and the readers' connection.
pub(crate) struct Database {
    queue: mpsc::Sender<Job>,
    reader: Arc<Mutex<Connection>>,
    writer: Worker,
}

impl Database {
    /// Starts the writer on a connection whose schema is current.
    pub(crate) fn start(connection: Connection, folder: &Arc<Folder>) -> Result<Self, Error> {
        let reader = connect(folder.path())?;
        reader.pragma_update(None, "query_only", true)?;
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let folder = Arc::clone(folder);
        let writer = Worker::spawn("store-writer", move || {
            writer::run(connection, jobs);
            drop(folder);
        })?;
        Ok(Self {
            queue,
            reader: Arc::new(Mutex::new(reader)),
            writer,
        })
    }

    /// Runs `write` in a transaction; durable when it returns `Ok`, without effect when not, except
    /// that a failed commit may turn out to have happened.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (job, answer) = job(write);
        self.queue
            .send(job)
            .await
            .map_err(|_| Error::not_committed())?;
        answer.await.unwrap_or_else(|_| Err(Error::not_committed()))
    }

    /// [`Self::write`] for threads of our own.
    pub(crate) fn write_blocking<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (job, answer) = job(write);
        self.queue
            .blocking_send(job)
            .map_err(|_| Error::not_committed())?;
        answer
            .blocking_recv()
            .unwrap_or_else(|_| Err(Error::not_committed()))
    }

    /// Runs `read` on a snapshot, beside the writer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let reader = Arc::clone(&self.reader);
        let task = tokio::task::spawn_blocking(move || {
            let mut connection = reader.lock().unwrap_or_else(PoisonError::into_inner);
            read(&connection.transaction()?)
        });
        task.await
            .unwrap_or_else(|error| Err(Error::Unavailable(format!("reading: {error}"))))
    }

    /// Ends the writer after what is queued. Blocking, for at most `limit`.
    pub(crate) fn close(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(Job::Stop) {
            if Instant::now() > deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.writer
            .wait(deadline.saturating_duration_since(Instant::now()));
    }
}

/// A write and where its result arrives once it is committed.
fn job<T: Send + 'static>(
    write: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
) -> (Job, oneshot::Receiver<Result<T, Error>>) {
    let (sender, receiver) = oneshot::channel();
    let job = Job::Write(Box::new(move |transaction| {
        let result = writer::in_savepoint(transaction, write);
        Box::new(move || {
            // A caller that went away needs no answer; its write stands.
            let _ = sender.send(result);
        })
    }));
    (job, receiver)
}

#[cfg(test)]
mod tests;
