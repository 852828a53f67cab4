//! Functions: one row each, keyed by account, region and name, guarded by its revision.
//!
//! A row is the function as JSON beside its environment variables, which are sealed.

use crate::database::Database;
use crate::seal::Identity;
use crate::{Error, MasterKey};
use lambkin_model::{Environment, Function, FunctionName, Scope, Settings, Version};
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;
use uuid::Uuid;

/// The table of functions.
pub struct Functions {
    pub(super) database: Arc<Database>,
    key: Arc<MasterKey>,
}

/// What is written of a function, or of a version of it.
pub(super) struct Row {
    scope: Scope,
    name: FunctionName,
    pub(super) version: Version,
    revision: Uuid,
    pub(super) configuration: String,
    pub(super) environment: Option<Vec<u8>>,
}

impl Functions {
    pub(crate) fn new(database: Arc<Database>, key: Arc<MasterKey>) -> Self {
        Self { database, key }
    }

    /// Adds a row; `Exists` when there is one of this name.
    pub async fn insert(&self, function: Arc<Function>) -> Result<(), Error> {
        let row = self.row(&function)?;
        self.database
            .write(move |connection| row.insert(connection))
            .await
    }

    /// Replaces the row if its revision still is `expected`; else `Stale`, or `NotFound`.
    pub async fn replace(&self, function: Arc<Function>, expected: Uuid) -> Result<(), Error> {
        let row = self.row(&function)?;
        self.database
            .write(move |connection| row.replace(connection, expected))
            .await
    }

    /// Removes the row and those of all versions; `NotFound` when there is none.
    pub async fn remove(&self, scope: &Scope, name: &FunctionName) -> Result<(), Error> {
        let (scope, name) = (scope.clone(), name.clone());
        let sql = "DELETE FROM functions WHERE account = ?1 AND region = ?2 AND name = ?3";
        let of_versions =
            "DELETE FROM versions WHERE account = ?1 AND region = ?2 AND function = ?3";
        let remove = move |connection: &Connection| {
            let key = (scope.account.as_str(), scope.region.as_str(), name.as_str());
            connection.prepare_cached(of_versions)?.execute(key)?;
            match connection.prepare_cached(sql)?.execute(key)? {
                0 => Err(Error::NotFound),
                _ => Ok(()),
            }
        };
        self.database.write(remove).await
    }

    /// All functions of a scope, by name; read once at start.
    pub async fn all(&self, scope: &Scope) -> Result<Vec<Function>, Error> {
        let sql = "SELECT configuration, environment FROM functions WHERE account = ?1 AND region = ?2 ORDER BY name";
        self.read_all(scope, sql).await
    }

    pub(super) async fn read_all(
        &self,
        scope: &Scope,
        sql: &'static str,
    ) -> Result<Vec<Function>, Error> {
        let scope = scope.clone();
        let rows = self.database.read(move |transaction| {
            let mut select = transaction.prepare(sql)?;
            let key = (scope.account.as_str(), scope.region.as_str());
            let rows = select.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<Vec<(String, Option<Vec<u8>>)>, _>>()?)
        });
        rows.await?
            .into_iter()
            .map(|(json, sealed)| self.function(&json, sealed))
            .collect()
    }

    pub(super) fn row(&self, function: &Function) -> Result<Row, Error> {
        let environment = function.settings.environment.as_ref().map(|environment| {
            let plain = zeroize::Zeroizing::new(serde_json::to_vec(environment)?);
            let mut sealed = Vec::new();
            let identity = Identity::environment(&function.scope, &function.name, function.version);
            self.key.seal(&identity, &plain, &mut sealed)?;
            Ok::<_, Error>(sealed)
        });
        let settings = Settings {
            environment: None,
            ..function.settings.clone()
        };
        let visible = Function {
            settings,
            ..function.clone()
        };
        Ok(Row {
            scope: function.scope.clone(),
            name: function.name.clone(),
            version: function.version,
            revision: function.revision_id,
            configuration: serde_json::to_string(&visible)?,
            environment: environment.transpose()?,
        })
    }

    fn function(&self, configuration: &str, sealed: Option<Vec<u8>>) -> Result<Function, Error> {
        let mut function: Function = serde_json::from_str(configuration)?;
        if let Some(sealed) = sealed {
            let identity = Identity::environment(&function.scope, &function.name, function.version);
            let plain = zeroize::Zeroizing::new(self.key.open(&identity, sealed)?);
            function.settings.environment = Some(serde_json::from_slice::<Environment>(&plain)?);
        }
        Ok(function)
    }
}

impl Row {
    pub(super) fn key(&self) -> [&str; 3] {
        [
            self.scope.account.as_str(),
            self.scope.region.as_str(),
            self.name.as_str(),
        ]
    }

    pub(super) fn insert(&self, connection: &Connection) -> Result<(), Error> {
        let sql =
            "INSERT INTO functions (account, region, name, revision, configuration, environment)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let [account, region, name] = self.key();
        match connection.prepare_cached(sql)?.execute((
            account,
            region,
            name,
            self.revision.as_bytes(),
            &self.configuration,
            &self.environment,
        )) {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(Error::Exists)
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn replace(&self, connection: &Connection, expected: Uuid) -> Result<(), Error> {
        let sql = "UPDATE functions SET revision = ?4, configuration = ?5, environment = ?6
            WHERE account = ?1 AND region = ?2 AND name = ?3 AND revision = ?7";
        let [account, region, name] = self.key();
        let changed = connection.prepare_cached(sql)?.execute((
            account,
            region,
            name,
            self.revision.as_bytes(),
            &self.configuration,
            &self.environment,
            expected.as_bytes(),
        ))?;
        match changed {
            0 if self.is_there(connection)? => Err(Error::Stale),
            0 => Err(Error::NotFound),
            _ => Ok(()),
        }
    }

    fn is_there(&self, connection: &Connection) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM functions WHERE account = ?1 AND region = ?2 AND name = ?3";
        Ok(connection.prepare_cached(sql)?.exists(self.key())?)
    }
}
