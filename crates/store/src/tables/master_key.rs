//! The folder's memory of its master key: an object that only the right key opens.

use crate::{MasterKey, OpenError};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// Refuses a key that did not seal this folder; a new folder remembers the key.
pub(crate) fn check(
    connection: &Connection,
    key: &MasterKey,
    folder: &Path,
) -> Result<(), OpenError> {
    let select = "SELECT \"check\" FROM master_key";
    let kept: Option<Vec<u8>> = connection
        .query_row(select, [], |row| row.get(0))
        .optional()?;
    match kept {
        Some(check) if key.made(check.clone()) => Ok(()),
        Some(_) => Err(OpenError::WrongKey {
            folder: folder.to_owned(),
            file: key.file().to_owned(),
        }),
        None => {
            let check = key
                .check()
                .map_err(|source| OpenError::io("seal", folder, source))?;
            connection.execute("INSERT INTO master_key VALUES (1, ?1)", [check])?;
            Ok(())
        }
    }
}
