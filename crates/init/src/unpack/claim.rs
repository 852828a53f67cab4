//! How many entries an archive says it has, read from its end alone: its directory, which the reader keeps in
//! memory whole, is not touched before this number is allowed.
//!
//! Refuses nothing itself, and proves nothing: an archive may lie. It saves the memory that an honest archive of
//! a million entries would take; a lie meets the limit later, when the entries are counted.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The record at the end of an archive, without its comment.
const END_BYTES: usize = 22;
const END_MAGIC: &[u8] = b"PK\x05\x06";
/// Where the record counts the entries; `MANY` means that the larger record has the number.
const END_COUNT: usize = 10;
const MANY: u16 = u16::MAX;

/// In front of the record: where the larger one begins.
const LOCATOR_BYTES: usize = 20;
const LOCATOR_MAGIC: &[u8] = b"PK\x06\x07";
const LOCATOR_OFFSET: usize = 8;

/// The larger record, for more than 65,534 entries.
const LARGE_BYTES: usize = 56;
const LARGE_MAGIC: &[u8] = b"PK\x06\x06";
const LARGE_COUNT: usize = 32;

/// Longest comment behind the record.
const COMMENT_BYTES_MAX: usize = u16::MAX as usize;

/// The number of entries; `None` where the archive's end is not what it should be, which its reader will refuse
/// with more knowledge.
pub(super) fn entries(package: &File, package_bytes: u64) -> io::Result<Option<u64>> {
    let length = package_bytes.min((COMMENT_BYTES_MAX + END_BYTES + LOCATOR_BYTES) as u64);
    let mut tail = vec![0; length as usize];
    package.read_exact_at(&mut tail, package_bytes - length)?;
    let found = tail
        .windows(END_BYTES)
        .rposition(|record| record.starts_with(END_MAGIC));
    let Some(end) = found else {
        return Ok(None);
    };
    match number(&tail[end..], END_COUNT).map(u16::from_le_bytes) {
        Some(MANY) => large(package, &tail[..end]),
        count => Ok(count.map(u64::from)),
    }
}

fn large(package: &File, before: &[u8]) -> io::Result<Option<u64>> {
    let locator = before
        .last_chunk::<LOCATOR_BYTES>()
        .filter(|locator| locator.starts_with(LOCATOR_MAGIC));
    let Some(offset) = locator.and_then(|locator| number(locator, LOCATOR_OFFSET)) else {
        return Ok(Some(u64::from(MANY)));
    };
    let mut record = [0; LARGE_BYTES];
    match package.read_exact_at(&mut record, u64::from_le_bytes(offset)) {
        Ok(()) if record.starts_with(LARGE_MAGIC) => {
            Ok(number(&record, LARGE_COUNT).map(u64::from_le_bytes))
        }
        Ok(()) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
