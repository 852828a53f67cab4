//! The schema: numbered steps, each in a transaction of its own. A step that was released never changes.

use crate::OpenError;
use rusqlite::Connection;
use std::path::Path;

/// Step `n` (from 1) leads from schema `n - 1` to schema `n`.
const STEPS: [&str; 1] = [include_str!("schema_1.sql")];

/// The schema that this version writes.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// Brings the database of `folder` to [`VERSION`]; refuses a newer one.
pub(crate) fn migrate(connection: &mut Connection, folder: &Path) -> Result<(), OpenError> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(OpenError::Newer {
            folder: folder.to_owned(),
            found: found.to_string(),
        });
    }
    for (number, step) in (1..).zip(STEPS).skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
        tracing::debug!(schema = number, "database migrated");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_run_once_and_a_newer_schema_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, Path::new("d")).unwrap();
        connection
            .execute("INSERT INTO journal_positions VALUES ('kept', 1)", [])
            .unwrap();
        migrate(&mut connection, Path::new("d")).unwrap();
        let kept: i64 = connection
            .query_row("SELECT count(*) FROM journal_positions", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(kept, 1);
        connection.pragma_update(None, "user_version", 77).unwrap();
        let refused = migrate(&mut connection, Path::new("d")).unwrap_err();
        assert!(refused.to_string().contains("77"), "{refused}");
    }
}
