//! A function's environment variables: their rules, and that they are never printed.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Most bytes of the variables as one compact JSON object, as AWS measures them.
const BYTES_MAX: usize = 4_096;

/// Names that Lambda sets itself.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Variables that passed the rules. `Debug` shows their names alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Environment(BTreeMap<String, String>);

/// Why variables are refused, in AWS's words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvironmentError {
    /// Names that only Lambda sets.
    #[error(
        "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {0}"
    )]
    Reserved(String),
    /// More than 4 KB.
    #[error(
        "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {0}"
    )]
    TooLarge(String),
}

impl Environment {
    /// Holds variables against AWS's rules.
    pub fn new(variables: BTreeMap<String, String>) -> Result<Self, EnvironmentError> {
        let reserved: Vec<&str> = variables
            .keys()
            .map(String::as_str)
            .filter(|key| RESERVED.contains(key))
            .collect();
        if !reserved.is_empty() {
            return Err(EnvironmentError::Reserved(reserved.join(", ")));
        }
        let measured = serde_json::to_string(&variables).unwrap_or_default();
        if measured.len() > BYTES_MAX {
            return Err(EnvironmentError::TooLarge(measured));
        }
        Ok(Self(variables))
    }

    /// The variables, by name.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn reserved_names_are_refused_together() {
        let refused = Environment::new(variables(&[
            ("_HANDLER", ""),
            ("AWS_REGION", ""),
            ("TZ", ""),
        ]));
        let text = refused.unwrap_err().to_string();
        assert!(
            text.ends_with("Reserved keys used in this request: AWS_REGION, _HANDLER"),
            "{text}"
        );
        assert!(Environment::new(variables(&[("TZ", "UTC"), ("LANG", "C")])).is_ok());
    }

    #[test]
    fn the_compact_json_of_the_variables_has_at_most_4096_bytes() {
        let overhead = r#"{"K":""}"#.len();
        let fits = "x".repeat(BYTES_MAX - overhead);
        assert!(Environment::new(variables(&[("K", &fits)])).is_ok());
        let refused = Environment::new(variables(&[("K", &format!("{fits}x"))])).unwrap_err();
        assert!(
            refused
                .to_string()
                .ends_with(&format!(r#"String measured: {{"K":"{fits}x"}}"#))
        );
    }

    #[test]
    fn values_are_never_printed() {
        let environment = Environment::new(variables(&[("PASSWORD", "hunter2")])).unwrap();
        let printed = format!("{environment:?} {environment:#?}");
        assert!(printed.contains("PASSWORD") && !printed.contains("hunter2"));
    }
}
