//! A function as the server states it, as far as the commands read it.
//!
//! Read tolerantly: states and codes are texts, because AWS gives values that its own model does not
//! list (`Creating` as the reason of an update, for one).

use std::collections::BTreeMap;

use anyhow::bail;
use serde::Deserialize;

/// A function with its tags.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FoundFunction {
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

/// A function's configuration.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Configuration {
    pub(crate) function_name: String,
    pub(crate) function_arn: String,
    pub(crate) runtime: Option<String>,
    pub(crate) role: String,
    pub(crate) handler: Option<String>,
    pub(crate) code_size: i64,
    pub(crate) code_sha256: String,
    pub(crate) description: String,
    pub(crate) timeout: i32,
    pub(crate) memory_size: i32,
    pub(crate) last_modified: String,
    pub(crate) ephemeral_storage: EphemeralStorage,
    pub(crate) environment: Environment,
    pub(crate) logging_config: LoggingConfig,
    pub(crate) snap_start: SnapStart,
    state: String,
    state_reason: String,
    last_update_status: String,
    last_update_status_reason: String,
}

/// `/tmp`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EphemeralStorage {
    /// MB.
    pub(crate) size: i32,
}

/// Environment variables.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Environment {
    pub(crate) variables: BTreeMap<String, String>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Environment(..)")
    }
}

/// How it logs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct LoggingConfig {
    pub(crate) log_format: String,
    pub(crate) application_log_level: String,
    pub(crate) system_log_level: String,
    pub(crate) log_group: String,
}

/// Of which of its versions environments are clones.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SnapStart {
    pub(crate) apply_on: String,
}

impl Configuration {
    pub(super) fn is_under_way(&self) -> bool {
        self.state == "Pending" || self.last_update_status == "InProgress"
    }

    /// The configuration, if creating and updating it came out well.
    pub(super) fn or_failure(self) -> anyhow::Result<Self> {
        if self.state == "Failed" {
            bail!("the server could not make it: {}", self.state_reason);
        }
        if self.last_update_status == "Failed" {
            bail!(
                "the server could not update it: {}",
                self.last_update_status_reason
            );
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Configuration {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_update_under_way_is_read_though_its_code_is_in_no_model() {
        let function = read(
            r#"{"State": "Active", "LastUpdateStatus": "InProgress", "LastUpdateStatusReasonCode": "Creating"}"#,
        );
        assert!(function.is_under_way());
        assert!(read(r#"{"State": "Pending"}"#).is_under_way());
    }

    #[test]
    fn a_failure_tells_its_reason() {
        assert!(read(r#"{"State": "Active"}"#).or_failure().is_ok());
        for json in [
            r#"{"State": "Failed", "StateReason": "no space"}"#,
            r#"{"State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no space"}"#,
        ] {
            let function = read(json);
            assert!(!function.is_under_way());
            assert!(
                function
                    .or_failure()
                    .unwrap_err()
                    .to_string()
                    .contains("no space")
            );
        }
    }
}
