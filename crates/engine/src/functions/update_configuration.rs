//! UpdateFunctionConfiguration: other settings for the same package.

use super::{Error, Inner, LoggingUpdate, rules};
use lambkin_model::{Environment, Function, FunctionName, Runtime, Settings, SnapStart};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What changes: absent stays.
#[derive(Default)]
pub struct Update {
    /// The revision that the caller believes to be the latest.
    pub revision_id: Option<String>,
    /// Which runtime runs it.
    pub runtime: Option<Runtime>,
    /// ARN of its role.
    pub role: Option<String>,
    /// What the runtime calls.
    pub handler: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Longest run of an invoke, in seconds.
    pub timeout_s: Option<u32>,
    /// Memory, in MB.
    pub memory_mb: Option<u32>,
    /// Size of `/tmp`, in MB.
    pub ephemeral_mb: Option<u32>,
    /// All variables: they replace those that were there.
    pub environment: Option<BTreeMap<String, String>>,
    /// How it logs.
    pub logging: LoggingUpdate,
    /// Which versions start from an initialised environment.
    pub snap_start: Option<SnapStart>,
}

impl Inner {
    pub(super) async fn update_configuration(
        self: &Arc<Self>,
        name: &FunctionName,
        update: Update,
    ) -> Result<Arc<Function>, Error> {
        let _turn = self.turns.take(name).await;
        let current = self.updatable(name, update.revision_id.as_deref())?;
        let runtime = update.runtime;
        let settings = changed(&current.settings, update)?;
        rules::check_memory(&settings)?;
        rules::check_snap_start(&settings)?;
        if let Some(runtime) = runtime {
            rules::check_runtime(&self.runtimes, runtime, settings.memory_mb)?;
        }
        self.acknowledge(
            &current,
            Function {
                settings,
                ..Function::clone(&current)
            },
            false,
        )
        .await
    }
}

fn changed(current: &Settings, update: Update) -> Result<Settings, Error> {
    let environment = match update.environment {
        Some(variables) => Some(Environment::new(variables)?),
        None => current.environment.clone(),
    };
    Ok(Settings {
        runtime: update.runtime.unwrap_or(current.runtime),
        role: update.role.unwrap_or_else(|| current.role.clone()),
        handler: update.handler.unwrap_or_else(|| current.handler.clone()),
        description: update
            .description
            .unwrap_or_else(|| current.description.clone()),
        timeout_s: update.timeout_s.unwrap_or(current.timeout_s),
        memory_mb: update.memory_mb.unwrap_or(current.memory_mb),
        ephemeral_mb: update.ephemeral_mb.unwrap_or(current.ephemeral_mb),
        environment,
        logging: update.logging.apply(&current.logging)?,
        package_type: current.package_type,
        architecture: current.architecture,
        snap_start: update.snap_start.unwrap_or(current.snap_start),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(key: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(key.to_owned(), String::new())])
    }

    #[test]
    fn what_is_absent_stays_and_variables_are_replaced_as_a_whole() {
        let before = crate::testing::function("f", variables("OLD")).settings;
        let same = changed(&before, Update::default()).unwrap();
        assert_eq!(same, before);
        let update = Update {
            timeout_s: Some(9),
            environment: Some(variables("NEW")),
            ..Update::default()
        };
        let after = changed(&before, update).unwrap();
        assert_eq!((after.timeout_s, after.memory_mb), (9, before.memory_mb));
        let names: Vec<_> = after
            .environment
            .iter()
            .flat_map(|e| e.variables().keys())
            .collect();
        assert_eq!(names, ["NEW"]);
    }

    #[test]
    fn reserved_variables_are_refused() {
        let before = crate::testing::function("f", BTreeMap::new()).settings;
        let update = Update {
            environment: Some(variables("AWS_REGION")),
            ..Update::default()
        };
        assert!(
            matches!(changed(&before, update), Err(Error::Invalid(text)) if text.ends_with(": AWS_REGION"))
        );
    }
}
