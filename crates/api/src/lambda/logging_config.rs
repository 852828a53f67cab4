//! LoggingConfig: from the wire to what the engine changes.

use lambkin_engine::functions::LoggingUpdate;
use lambkin_model::{ApplicationLogLevel, LogFormat, SystemLogLevel};
use lambkin_wire::shapes::{self, LoggingConfig};

/// What a request's LoggingConfig asks for; nothing if it has none.
pub(super) fn asked(config: Option<LoggingConfig>) -> LoggingUpdate {
    let config = config.unwrap_or_default();
    LoggingUpdate {
        format: config.log_format.map(|format| match format {
            shapes::LogFormat::Json => LogFormat::Json,
            shapes::LogFormat::Text => LogFormat::Text,
        }),
        application_level: config.application_log_level.map(|level| match level {
            shapes::ApplicationLogLevel::Trace => ApplicationLogLevel::Trace,
            shapes::ApplicationLogLevel::Debug => ApplicationLogLevel::Debug,
            shapes::ApplicationLogLevel::Info => ApplicationLogLevel::Info,
            shapes::ApplicationLogLevel::Warn => ApplicationLogLevel::Warn,
            shapes::ApplicationLogLevel::Error => ApplicationLogLevel::Error,
            shapes::ApplicationLogLevel::Fatal => ApplicationLogLevel::Fatal,
        }),
        system_level: config.system_log_level.map(|level| match level {
            shapes::SystemLogLevel::Debug => SystemLogLevel::Debug,
            shapes::SystemLogLevel::Info => SystemLogLevel::Info,
            shapes::SystemLogLevel::Warn => SystemLogLevel::Warn,
        }),
        group: config.log_group,
    }
}
