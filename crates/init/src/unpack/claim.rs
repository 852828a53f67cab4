//! How many entries an archive says it has, read from its end alone: its directory, which the reader keeps in
//! memory whole, is not touched before this number is allowed.
//!
//! Refuses an archive whose end cannot be read in one way only. A reader looks for the record at the end by its
//! first bytes, and passes over those that it cannot use, so every one that it may find is read here, and the
//! largest number counts: a small one in front of it, or in the comment behind it, hides nothing.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Error;
use crate::message::Rejection;

/// The record at the end of an archive, without its comment.
const END_BYTES: usize = 22;
const END_MAGIC: &[u8] = b"PK\x05\x06";
/// Where the record counts the entries: those of this disk, and all.
const END_COUNTS: [usize; 2] = [8, 10];

/// In front of the record, if there is a larger one.
const LOCATOR_BYTES: usize = 20;
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";

/// The larger record, for more than 65,534 entries or 4 GiB. It may be followed by anything that a writer has to
/// say; none ever had, so it is only known directly in front of its locator.
const LARGE_BYTES: usize = 56;
const LARGE_MAGIC: &[u8] = b"PK\x06\x06";
const LARGE_COUNTS: [usize; 2] = [24, 32];

/// Where the record may be: in front of the longest comment. A reader may look a little further than that, which
/// must not be further than here.
const TAIL_BYTES: u64 = (1 << 16) + (4 << 10);

/// The largest number of entries that any record at the end claims.
pub(super) fn entries(package: &File, package_bytes: u64) -> Result<u64, Error> {
    let length = package_bytes.min(TAIL_BYTES);
    let mut tail = vec![0; length as usize];
    package
        .read_exact_at(&mut tail, package_bytes - length)
        .map_err(broken)?;
    let mut most = None;
    for end in starts(&tail) {
        let count = counts::<2>(&tail[end..], END_COUNTS).map(u16::from_le_bytes);
        let large = large(&tail[..end])?.unwrap_or(0);
        most = most.max(Some(u64::from(count[0].max(count[1])).max(large)));
    }
    most.ok_or(Rejection::NotAZip.into())
}

/// Where records begin.
fn starts(tail: &[u8]) -> impl Iterator<Item = usize> {
    tail.windows(END_BYTES)
        .enumerate()
        .filter(|(_, record)| record.starts_with(END_MAGIC))
        .map(|(at, _)| at)
}

/// What the larger record claims, if a locator in front of the record says that there is one.
fn large(before: &[u8]) -> Result<Option<u64>, Rejection> {
    let Some((rest, locator)) = before.split_last_chunk::<LOCATOR_BYTES>() else {
        return Ok(None);
    };
    if !locator.starts_with(LOCATOR_MAGIC) {
        return Ok(None);
    }
    let record = rest
        .last_chunk::<LARGE_BYTES>()
        .filter(|record| record.starts_with(LARGE_MAGIC))
        .ok_or(Rejection::NotAZip)?;
    let count = counts::<8>(record, LARGE_COUNTS).map(u64::from_le_bytes);
    Ok(Some(count[0].max(count[1])))
}

/// The numbers at these places of a record that holds them.
fn counts<const N: usize>(record: &[u8], places: [usize; 2]) -> [[u8; N]; 2] {
    places.map(|at| {
        let mut number = [0; N];
        number.copy_from_slice(&record[at..at + N]);
        number
    })
}

fn broken(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Rejection::NotAZip.into(),
        _ => Error::Io(error),
    }
}
