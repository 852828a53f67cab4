//! The journal: usage records on their way to the tables.
//!
//! Owns: that a record survives a kill once it is appended, and counts exactly once. Refuses: waiting for
//! the database, and `fsync`: a power loss costs what was appended since the last drain, a quarter of a
//! second.
//!
//! ```text
//! append ─▶ shard of the thread: one pwrite(2) at the end of its segment
//!                 drain thread, every 250 ms: read what is new ─▶ tables, and the position in it, in one
//!                 transaction ─▶ a segment that is long enough is replaced, drained, removed
//! start: the segments that a kill left are drained and removed before anything else
//! ```
//! Threads append to segments of their own, so that functions do not wait for each other.
//!
//! Room on the disk is kept for what is appended until the next drain. Where there is none the journal is full, which
//! is to be asked before a record comes about.

mod drain;
mod frame;
mod replay;
mod segment;

pub(crate) use drain::{Drain, Drainer};
pub(crate) use replay::replay;

use crate::folder;
use frame::FRAME_BYTES_MAX;
use lambkin_model::UsageRecord;
use segment::Shard;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::available_parallelism;

pub(crate) const FOLDER: &str = "journal";
/// Shards: one per core, as the server has one thread per core that runs invokes.
const SHARDS_MAX: usize = 64;
/// Bytes that wait for the tables at most; some million invokes while the database fails.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Room that the disk keeps for each shard: what it takes in half a second at ten thousand invokes a second.
const ROOM_BYTES: u64 = 1024 * 1024;

/// Append-only files of usage records on their way to the tables. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    shards: Arc<[Shard]>,
    shard_bytes_max: u64,
    is_full: Arc<AtomicBool>,
}

impl Journal {
    /// Makes the folder, which [`replay`] has emptied, and a segment for each shard.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let folder = folder(data_dir);
        folder::make_private(&folder)?;
        let count = available_parallelism()
            .map_or(2, |cores| cores.get())
            .min(SHARDS_MAX);
        let shards = (0..count)
            .map(|_| Shard::new(&folder))
            .collect::<io::Result<Vec<_>>>()?;
        folder::sync(&folder)?;
        let journal = Self {
            shards: shards.into(),
            shard_bytes_max: BYTES_MAX / count as u64,
            is_full: Arc::default(),
        };
        let is_full = journal.keep_room().is_err();
        journal.is_full.store(is_full, Ordering::Relaxed);
        Ok(journal)
    }

    /// Whether records that come about now may find no room. Looked at four times a second.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Has room kept for what each shard takes until the next time.
    fn keep_room(&self) -> io::Result<()> {
        for segment in self.shards.iter().map(Shard::current) {
            segment.keep_room(ROOM_BYTES)?;
            if segment.length() + ROOM_BYTES > self.shard_bytes_max {
                return Err(segment::full());
            }
        }
        Ok(())
    }

    /// Appends a record: one `write(2)`, no wait for the database or the disk. It survives the death of
    /// the process when this returns `Ok`. A failure is the caller's to log: the invoke stands.
    pub fn append(&self, record: &UsageRecord) -> io::Result<()> {
        let mut buffer = [0; FRAME_BYTES_MAX];
        let frame = frame::encode(record, &mut buffer).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a usage record has too long names",
            )
        })?;
        self.shards[thread_number() % self.shards.len()].append(frame, self.shard_bytes_max)
    }
}

fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER)
}

/// Counts the threads that append, in the order of their first record.
fn thread_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

#[cfg(test)]
pub(crate) mod tests;
