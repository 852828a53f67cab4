//! Published versions: one row each beside their function's, written once.
//!
//! Numbers only grow: the last one of a name stays when its version goes, and when the function does.

use super::Functions;
use super::functions::Row;
use crate::Error;
use lambkin_model::{Function, FunctionName, Scope, Version};
use rusqlite::Connection;
use std::sync::Arc;
use uuid::Uuid;

impl Functions {
    /// Adds a version's row and writes the function's in the same transaction: replaces it if its revision still is
    /// `expected` (else `Stale`, or `NotFound`), or adds it where none is (`Exists` when there is one). `Exists` also
    /// when the version's number is not beyond all that its name has had.
    pub async fn publish(
        &self,
        function: Arc<Function>,
        expected: Option<Uuid>,
        version: Arc<Function>,
    ) -> Result<(), Error> {
        let (function, version) = (self.row(&function)?, self.row(&version)?);
        let publish = move |connection: &Connection| {
            match expected {
                Some(expected) => function.replace(connection, expected)?,
                None => function.insert(connection)?,
            }
            version.insert_version(connection)
        };
        self.database.write(publish).await
    }

    /// Removes a version's row; `NotFound` when there is none.
    pub async fn remove_version(
        &self,
        scope: &Scope,
        name: &FunctionName,
        number: u64,
    ) -> Result<(), Error> {
        let (scope, name, number) = (scope.clone(), name.clone(), integer(number)?);
        let sql = "DELETE FROM versions
            WHERE account = ?1 AND region = ?2 AND function = ?3 AND number = ?4";
        let remove = move |connection: &Connection| {
            let (account, region) = (scope.account.as_str(), scope.region.as_str());
            let key = (account, region, name.as_str(), number);
            match connection.prepare_cached(sql)?.execute(key)? {
                0 => Err(Error::NotFound),
                _ => Ok(()),
            }
        };
        self.database.write(remove).await
    }

    /// The number that the next version of a name gets.
    pub async fn next_version(&self, scope: &Scope, name: &FunctionName) -> Result<u64, Error> {
        let (scope, name) = (scope.clone(), name.clone());
        let sql = "SELECT coalesce(max(last), 0) FROM version_numbers
            WHERE account = ?1 AND region = ?2 AND function = ?3";
        let read = self.database.read(move |transaction| {
            let key = (scope.account.as_str(), scope.region.as_str(), name.as_str());
            Ok(transaction.query_row(sql, key, |row| row.get::<_, i64>(0))?)
        });
        Ok(read.await?.unsigned_abs() + 1)
    }

    /// All versions of all functions of a scope, by function and number; read once at start.
    pub async fn versions(&self, scope: &Scope) -> Result<Vec<Function>, Error> {
        let sql = "SELECT configuration, environment FROM versions
            WHERE account = ?1 AND region = ?2 ORDER BY function, number";
        self.read_all(scope, sql).await
    }
}

impl Row {
    fn insert_version(&self, connection: &Connection) -> Result<(), Error> {
        let Version::Published(number) = self.version else {
            return Err(Error::Unavailable("$LATEST is no version's row".to_owned()));
        };
        let (number, [account, region, name]) = (integer(number)?, self.key());
        let sql = "INSERT INTO version_numbers VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO UPDATE SET last = excluded.last WHERE last < excluded.last";
        let mut last = connection.prepare_cached(sql)?;
        if last.execute((account, region, name, number))? == 0 {
            return Err(Error::Exists);
        }
        let sql = "INSERT INTO versions VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare_cached(sql)?.execute((
            account,
            region,
            name,
            number,
            &self.configuration,
            &self.environment,
        ))?;
        Ok(())
    }
}

/// SQLite's integers are signed.
fn integer(number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::NotFound)
}
