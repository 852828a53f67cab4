//! The schema: numbered steps, each in a transaction of its own. A step that was released never changes.

use crate::OpenError;
use rusqlite::Connection;
use std::path::Path;

/// Step `n` (from 1) leads from schema `n - 1` to schema `n`.
const STEPS: [&str; 2] = [include_str!("schema_1.sql"), include_str!("schema_2.sql")];

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
    #[test]
    fn what_schema_1_holds_is_kept_with_a_network_of_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(STEPS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection
            .execute_batch(
                "INSERT INTO usage_hours VALUES ('a', 'r', 1, 'f', 2, 0, 0, 3, 4, 0, 0);
                 INSERT INTO functions VALUES ('a', 'r', 'f', x'00', '{}', NULL)",
            )
            .unwrap();
        migrate(&mut connection, Path::new("d")).unwrap();
        let (requests, sent): (i64, i64) = connection
            .query_row("SELECT requests, sent_bytes FROM usage_hours", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        let rules: Option<String> = connection
            .query_row("SELECT egress FROM functions", [], |row| row.get(0))
            .unwrap();
        assert_eq!((requests, sent, rules), (2, 0, None));
    }
}
