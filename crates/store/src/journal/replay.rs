//! What an earlier process left in the journal, taken into the tables before this one begins.

use super::frame::{self, Next};
use super::segment::{EXTENSION, Segment};
use crate::tables::{journal_positions, usage};
use crate::{Error, folder};
use lambkin_model::UsageRecord;
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// Read at once; frames are far smaller.
pub(super) const READ_BYTES: usize = 256 * 1024;

/// Takes in and removes every segment. A kill meanwhile is repaired by the next replay.
pub(crate) fn replay(connection: &mut Connection, data_dir: &Path) -> Result<(), Error> {
    let journal = super::folder(data_dir);
    folder::make_private(&journal)?;
    let mut paths = segments(&journal)?;
    paths.sort();
    for path in paths {
        let segment = Segment::open(path)?;
        take(connection, &segment)?;
        segment.remove()?;
    }
    folder::sync(&journal)?;
    journal_positions::forget_all(connection)
}

fn segments(journal: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(journal)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == EXTENSION)
        {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn take(connection: &mut Connection, segment: &Segment) -> Result<(), Error> {
    let name = segment.name();
    let mut position = journal_positions::get(connection, &name)?;
    let mut buffer = Vec::new();
    loop {
        segment.read(position, &mut buffer, READ_BYTES)?;
        let (records, bytes) = records(&buffer);
        if records.is_empty() {
            break;
        }
        position += bytes;
        let transaction = connection.transaction()?;
        usage::record(&transaction, &records)?;
        journal_positions::set(&transaction, &name, position)?;
        transaction.commit()?;
    }
    let torn = segment.length().saturating_sub(position);
    if torn > 0 {
        tracing::warn!(
            segment = name,
            bytes = torn,
            "the end of a journal segment was torn and is left out"
        );
    }
    Ok(())
}

/// The whole frames at the beginning of `bytes`, and how many bytes they are.
pub(super) fn records(bytes: &[u8]) -> (Vec<UsageRecord>, u64) {
    let mut records = Vec::new();
    let mut position = 0;
    while let Next::Record(record, length) = frame::decode(&bytes[position..]) {
        records.push(*record);
        position += length;
    }
    (records, position as u64)
}
