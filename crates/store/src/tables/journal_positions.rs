//! How far each journal segment is in the tables. Written in the transaction that takes its records,
//! which is what makes a record count exactly once.

use crate::Error;
use rusqlite::{Connection, OptionalExtension};

/// Bytes of `segment` that are in the tables.
pub(crate) fn get(connection: &Connection, segment: &str) -> Result<u64, Error> {
    let mut select =
        connection.prepare_cached("SELECT position FROM journal_positions WHERE segment = ?1")?;
    let position: Option<i64> = select.query_row([segment], |row| row.get(0)).optional()?;
    Ok(position.map_or(0, |position| position.unsigned_abs()))
}

/// Moves the position of `segment`.
pub(crate) fn set(connection: &Connection, segment: &str, position: u64) -> Result<(), Error> {
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    connection
        .prepare_cached("INSERT OR REPLACE INTO journal_positions VALUES (?1, ?2)")?
        .execute((segment, position))?;
    Ok(())
}

/// Forgets a segment whose file is gone.
pub(crate) fn forget(connection: &Connection, segment: &str) -> Result<(), Error> {
    connection
        .prepare_cached("DELETE FROM journal_positions WHERE segment = ?1")?
        .execute([segment])?;
    Ok(())
}

/// Forgets all segments: right after every file is gone.
pub(crate) fn forget_all(connection: &Connection) -> Result<(), Error> {
    connection.execute("DELETE FROM journal_positions", [])?;
    Ok(())
}
