//! A segment is one file of frames; a shard is the segment that a thread appends to now.

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// How the files are named; anything else in the folder is not ours.
pub(super) const EXTENSION: &str = "usage";

/// One file of whole frames up to `length`; what lies behind it is the torn rest of a failed write.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    length: AtomicU64,
    /// The file system has kept room for the file up to here.
    kept: AtomicU64,
}

impl Segment {
    /// A new file under a name that was never used.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(format!("{}.{EXTENSION}", Uuid::new_v4().simple()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self {
            path,
            file,
            length: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        })
    }

    /// A file that an earlier process left.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let file = File::open(&path)?;
        let length = AtomicU64::new(file.metadata()?.len());
        Ok(Self {
            path,
            file,
            length,
            kept: AtomicU64::new(0),
        })
    }

    /// Has the file system keep room for so many bytes behind the end, once half of what it kept is used, so that a disk
    /// that others fill takes what is appended until the next look. Where it cannot keep any, nothing is kept.
    pub(super) fn keep_room(&self, bytes: u64) -> io::Result<()> {
        let end = self.length();
        if self.kept.load(Ordering::Relaxed) >= end + bytes / 2 {
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, end, bytes) {
            Ok(()) | Err(Errno::OPNOTSUPP) => self.kept.store(end + bytes, Ordering::Relaxed),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// By which the tables know it.
    pub(super) fn name(&self) -> String {
        self.path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    }

    /// Bytes of whole frames.
    pub(super) fn length(&self) -> u64 {
        self.length.load(Ordering::Acquire)
    }

    /// Fills `buffer` from `position`, up to the end.
    pub(super) fn read(
        &self,
        position: u64,
        buffer: &mut Vec<u8>,
        bytes_max: usize,
    ) -> io::Result<()> {
        let bytes = self.length().saturating_sub(position).min(bytes_max as u64);
        buffer.resize(bytes as usize, 0);
        self.file.read_exact_at(buffer, position)
    }

    /// Removes the file; the tables have what it held.
    pub(super) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// There are as many records as may wait.
pub(super) fn full() -> io::Error {
    io::Error::new(
        io::ErrorKind::StorageFull,
        "the usage journal is full, because the database takes no records; check the disk of the data folder",
    )
}

/// Where some threads append.
#[derive(Debug)]
pub(super) struct Shard {
    /// Held for one write; rarely by two threads, as each has a shard of its own while there are enough.
    current: Mutex<Arc<Segment>>,
}

impl Shard {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            current: Mutex::new(Arc::new(Segment::create(folder)?)),
        })
    }

    /// Writes a frame at the end. A short or failed write leaves the end where it was, and the next
    /// frame takes the place of the torn one.
    pub(super) fn append(&self, frame: &[u8], bytes_max: u64) -> io::Result<()> {
        let segment = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let end = segment.length.load(Ordering::Relaxed);
        if end >= bytes_max {
            return Err(full());
        }
        segment.file.write_all_at(frame, end)?;
        segment
            .length
            .store(end + frame.len() as u64, Ordering::Release);
        Ok(())
    }

    pub(super) fn current(&self) -> Arc<Segment> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets appends go to another segment; the former one is complete when this returns.
    pub(super) fn replace(&self, next: Segment) -> Arc<Segment> {
        let next = Arc::new(next);
        std::mem::replace(
            &mut *self.current.lock().unwrap_or_else(PoisonError::into_inner),
            next,
        )
    }
}
