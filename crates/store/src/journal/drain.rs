//! The thread that moves records from the segments into the tables.
//!
//! It looks every quarter of a second by itself, so that an append wakes nobody, and at once when asked.

use super::replay::{READ_BYTES, records};
use super::segment::Segment;
use super::{Journal, ROOM_BYTES, folder};
use crate::Error;
use crate::database::Database;
use crate::folder::Folder;
use crate::tables::{journal_positions, usage};
use crate::worker::Worker;
use lambkin_model::UsageRecord;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;

/// The longest that a record waits: what a power loss costs.
const INTERVAL: Duration = Duration::from_millis(250);
/// A longer segment is replaced once it is drained, so that its file can go.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

/// The same, of shards with so much room: where there are many of them a segment goes long before its shard is full.
fn segment_bytes(shard_bytes_max: u64) -> u64 {
    SEGMENT_BYTES.min(shard_bytes_max / 4)
}
/// Callers that wait for a drain: all of them share the next one.
const WAITING_MAX: usize = 256;
/// A caller waits this long: a drain takes milliseconds unless the disk hangs.
const WAIT_MAX: Duration = Duration::from_secs(10);

enum Command {
    Drain(oneshot::Sender<Result<(), String>>),
    Stop,
}

/// Asks the thread to drain at once.
#[derive(Clone)]
pub(crate) struct Drain(SyncSender<Command>);

impl Drain {
    /// Returns when everything that was appended before the call is in the tables.
    pub(crate) async fn now(&self) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        self.0
            .try_send(Command::Drain(sender))
            .map_err(|error| match error {
                TrySendError::Full(_) => {
                    Error::Unavailable("too many callers wait for the usage journal".to_owned())
                }
                TrySendError::Disconnected(_) => {
                    Error::Unavailable("the store is closed".to_owned())
                }
            })?;
        match tokio::time::timeout(WAIT_MAX, receiver).await {
            Ok(Ok(result)) => result.map_err(Error::Unavailable),
            Ok(Err(_)) => Err(Error::Unavailable("the store is closed".to_owned())),
            Err(_) => Err(Error::Unavailable(
                "the usage journal was not drained in time".to_owned(),
            )),
        }
    }
}

/// The thread and how to end it.
pub(crate) struct Drainer {
    drain: Drain,
    thread: Worker,
}

impl Drainer {
    pub(crate) fn start(
        journal: &Journal,
        database: &Arc<Database>,
        data_dir: &Arc<Folder>,
    ) -> io::Result<Self> {
        let (sender, commands) = sync_channel(WAITING_MAX);
        let cursors = journal
            .shards
            .iter()
            .map(|shard| Cursor::new(shard.current()))
            .collect();
        let mut work = Work {
            journal: journal.clone(),
            cursors,
            folder: folder(data_dir.path()),
            database: Arc::clone(database),
            is_failing: false,
        };
        let data_dir = Arc::clone(data_dir);
        let thread = Worker::spawn("store-journal", move || {
            work.run(&commands);
            drop((work, data_dir));
        })?;
        Ok(Self {
            drain: Drain(sender),
            thread,
        })
    }

    pub(crate) fn drain(&self) -> Drain {
        self.drain.clone()
    }

    /// Drains a last time and ends the thread. Blocking, for at most `limit`.
    pub(crate) fn close(&self, limit: Duration) {
        // A full queue is being drained anyway; the thread then ends with the last handle.
        let _ = self.drain.0.try_send(Command::Stop);
        self.thread.wait(limit);
    }
}

/// How far one shard's segment is in the tables.
struct Cursor {
    segment: Arc<Segment>,
    position: u64,
    /// Replaced in its shard: nothing is appended to it any more.
    is_retired: bool,
}

impl Cursor {
    fn new(segment: Arc<Segment>) -> Self {
        Self {
            segment,
            position: 0,
            is_retired: false,
        }
    }
}

struct Work {
    journal: Journal,
    /// The current segment of each shard, in the order of the shards.
    cursors: Vec<Cursor>,
    folder: PathBuf,
    database: Arc<Database>,
    is_failing: bool,
}

impl Work {
    fn run(&mut self, commands: &Receiver<Command>) {
        let mut is_stopping = false;
        while !is_stopping {
            let mut waiting = Vec::new();
            let mut next = commands.recv_timeout(INTERVAL);
            loop {
                match next {
                    Ok(Command::Drain(answer)) => waiting.push(answer),
                    Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => is_stopping = true,
                    Err(RecvTimeoutError::Timeout) => {}
                }
                match commands.try_recv() {
                    Ok(command) => next = Ok(command),
                    Err(_) => break,
                }
            }
            let result = self.drain();
            self.report(&result);
            self.keep_room();
            for answer in waiting {
                // A caller that went away needs no answer.
                let _ = answer.send(result.as_ref().map_err(ToString::to_string).copied());
            }
        }
    }

    /// Says once that the tables take nothing, and once that they do again.
    fn report(&mut self, result: &Result<(), Error>) {
        match result {
            Err(error) if !self.is_failing => {
                tracing::error!(%error, "usage records stay in the journal: the database does not take them");
            }
            Ok(()) if self.is_failing => tracing::info!("the database takes usage records again"),
            _ => {}
        }
        self.is_failing = result.is_err();
    }

    /// Says once that there is no more room for records, and once that there is again.
    fn keep_room(&self) {
        let kept = self.journal.keep_room();
        let was_full = self.journal.is_full.swap(kept.is_err(), Ordering::Relaxed);
        match kept {
            Err(error) if !was_full => tracing::error!(
                %error, folder = %self.folder.display(),
                "invokes are refused, as they would leave no usage record; make room on the disk"
            ),
            Ok(()) if was_full => tracing::info!("there is room for usage records again"),
            _ => {}
        }
    }

    fn next_segment(&self) -> io::Result<Segment> {
        let next = Segment::create(&self.folder)?;
        // Without room the former one stays, which has some.
        next.keep_room(ROOM_BYTES).inspect_err(|_| {
            let _ = next.remove();
        })?;
        Ok(next)
    }

    /// Takes what has been appended until now into the tables, then replaces long segments.
    fn drain(&mut self) -> Result<(), Error> {
        let ends: Vec<u64> = self
            .cursors
            .iter()
            .map(|cursor| cursor.segment.length())
            .collect();
        while self
            .cursors
            .iter()
            .zip(&ends)
            .any(|(cursor, end)| cursor.position < *end)
        {
            self.take()?;
        }
        let long = segment_bytes(self.journal.shard_bytes_max);
        for index in 0..self.cursors.len() {
            if self.cursors[index].position >= long {
                self.replace(index)?;
            }
        }
        Ok(())
    }

    /// Moves some records of every segment, in one transaction with the new positions.
    fn take(&mut self) -> Result<(), Error> {
        let mut batch = Vec::<UsageRecord>::new();
        let mut positions = Vec::new();
        let mut buffer = Vec::new();
        for cursor in &self.cursors {
            cursor
                .segment
                .read(cursor.position, &mut buffer, READ_BYTES)?;
            let (mut some, mut bytes) = records(&buffer);
            if some.is_empty() && !buffer.is_empty() {
                tracing::error!(
                    segment = cursor.segment.name(),
                    "a usage record was damaged after it was written"
                );
                bytes = buffer.len() as u64;
            }
            batch.append(&mut some);
            positions.push(cursor.position + bytes);
        }
        let moved: Vec<(String, u64)> = self
            .cursors
            .iter()
            .zip(&positions)
            .filter(|(cursor, position)| cursor.position != **position)
            .map(|(cursor, position)| (cursor.segment.name(), *position))
            .collect();
        self.database.write_blocking(move |connection| {
            usage::record(connection, &batch)?;
            moved.iter().try_for_each(|(name, position)| {
                journal_positions::set(connection, name, *position)
            })
        })?;
        for (cursor, position) in self.cursors.iter_mut().zip(positions) {
            cursor.position = position;
        }
        Ok(())
    }

    /// Gives a shard a new segment, takes the rest of the former one, and removes it.
    fn replace(&mut self, index: usize) -> Result<(), Error> {
        if !self.cursors[index].is_retired {
            self.journal.shards[index].replace(self.next_segment()?);
            self.cursors[index].is_retired = true;
        }
        while self.cursors[index].position < self.cursors[index].segment.length() {
            self.take()?;
        }
        let next = Cursor::new(self.journal.shards[index].current());
        let former = std::mem::replace(&mut self.cursors[index], next);
        former.segment.remove()?;
        let name = former.segment.name();
        self.database
            .write_blocking(move |connection| journal_positions::forget(connection, &name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BYTES_MAX, SHARDS_MAX};
    use super::*;

    #[test]
    fn a_drained_segment_goes_before_its_shard_counts_as_full() {
        for shards in 1..=SHARDS_MAX as u64 {
            let most = BYTES_MAX / shards;
            // What comes between two drains, and what is to stay free.
            assert!(segment_bytes(most) + 2 * ROOM_BYTES <= most, "{shards}");
        }
    }
}
