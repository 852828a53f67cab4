//! Network rules, in the row of the function that they bind: they outlive its changes and go with it.

use super::Functions;
use crate::Error;
use lambkin_model::egress::Rules;
use lambkin_model::{FunctionName, Scope};

impl Functions {
    /// Replaces the rules of a function; `NotFound` when there is none of this name. Its revision stays.
    pub async fn set_egress(
        &self,
        scope: &Scope,
        name: &FunctionName,
        rules: &Rules,
    ) -> Result<(), Error> {
        let (scope, name) = (scope.clone(), name.clone());
        let rules = match rules.as_slice() {
            [] => None,
            _ => Some(serde_json::to_string(rules)?),
        };
        let sql =
            "UPDATE functions SET egress = ?4 WHERE account = ?1 AND region = ?2 AND name = ?3";
        let set = move |connection: &rusqlite::Connection| {
            let values = (
                scope.account.as_str(),
                scope.region.as_str(),
                name.as_str(),
                rules,
            );
            match connection.prepare_cached(sql)?.execute(values)? {
                0 => Err(Error::NotFound),
                _ => Ok(()),
            }
        };
        self.database.write(set).await
    }

    /// The rules of every function that has some, by name; read once at start.
    pub async fn egress(&self, scope: &Scope) -> Result<Vec<(FunctionName, Rules)>, Error> {
        let scope = scope.clone();
        let sql = "SELECT name, egress FROM functions
            WHERE account = ?1 AND region = ?2 AND egress IS NOT NULL ORDER BY name";
        let rows = self.database.read(move |transaction| {
            let mut select = transaction.prepare(sql)?;
            let key = (scope.account.as_str(), scope.region.as_str());
            let rows = select.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<Vec<(String, String)>, _>>()?)
        });
        rows.await?
            .into_iter()
            .map(|(name, rules)| {
                let name = FunctionName::new(&name)
                    .map_err(|error| Error::Unavailable(format!("a row of functions: {error}")))?;
                Ok((name, serde_json::from_str(&rules)?))
            })
            .collect()
    }
}
