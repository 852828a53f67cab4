//! How a function logs: format, levels and group.

use serde::{Deserialize, Serialize};

/// A function's logging configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// Text or JSON.
    pub format: LogFormat,
    /// Least severe application line that is kept; JSON only.
    pub application_level: ApplicationLogLevel,
    /// Least severe platform line that is kept; JSON only.
    pub system_level: SystemLogLevel,
    /// The log group's name, `/aws/lambda/<name>` unless set.
    pub group: String,
}

impl Logging {
    /// What a function has that sets nothing.
    pub fn default_for(function_name: &str) -> Self {
        Self {
            format: LogFormat::Text,
            application_level: ApplicationLogLevel::Info,
            system_level: SystemLogLevel::Info,
            group: format!("/aws/lambda/{function_name}"),
        }
    }
}

/// Shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFormat {
    /// Lines of text.
    Text,
    /// One JSON object a line.
    Json,
}

/// Severity of application lines, rising.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ApplicationLogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl ApplicationLogLevel {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// Severity of platform lines, rising.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum SystemLogLevel {
    Debug,
    Info,
    Warn,
}

impl SystemLogLevel {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
        }
    }
}
