//! The schema: numbered steps, each in a transaction of its own. A step that was released never changes.

use crate::OpenError;
use rusqlite::Connection;
use std::path::Path;

/// Step `n` (from 1) leads from schema `n - 1` to schema `n`.
const STEPS: [&str; 4] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
];

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
    fn what_schema_1_holds_is_kept_with_a_network_of_nothing_and_warm_if_not_cold() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(STEPS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection
            .execute_batch(
                "INSERT INTO usage_hours VALUES ('a', 'r', 1, 'f', 7, 0, 2, 3, 4, 0, 0);
                 INSERT INTO functions VALUES ('a', 'r', 'f', x'00', '{}', NULL)",
            )
            .unwrap();
        migrate(&mut connection, Path::new("d")).unwrap();
        let sql = "SELECT requests, sent_bytes, cold, warm, pooled, cloned FROM usage_hours";
        let sums: Vec<i64> = connection
            .query_row(sql, [], |row| {
                (0..6).map(|column| row.get(column)).collect()
            })
            .unwrap();
        let rules: Option<String> = connection
            .query_row("SELECT egress FROM functions", [], |row| row.get(0))
            .unwrap();
        assert_eq!((sums, rules), (vec![7, 0, 2, 5, 0, 0], None));
        let versions: i64 = connection
            .query_row("SELECT count(*) FROM versions", [], |row| row.get(0))
            .unwrap();
        assert_eq!(versions, 0);
    }
}
