//! Changes of a function's logging, and the rule that only JSON has levels.

use lambkin_model::{ApplicationLogLevel, LogFormat, Logging, SystemLogLevel};

/// What a LoggingConfig changes: absent stays.
#[derive(Clone, Debug, Default)]
pub struct LoggingUpdate {
    /// Text or JSON.
    pub format: Option<LogFormat>,
    /// Least severe application line; JSON only.
    pub application_level: Option<ApplicationLogLevel>,
    /// Least severe platform line; JSON only.
    pub system_level: Option<SystemLogLevel>,
    /// The log group's name.
    pub group: Option<String>,
}

/// A level for text, in AWS's words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change the LogFormat to \"JSON\" and try again."
)]
pub struct LevelOfText;

impl LoggingUpdate {
    /// The logging with the change made. Levels are forgotten when the format becomes text.
    pub fn apply(self, base: &Logging) -> Result<Logging, LevelOfText> {
        let format = self.format.unwrap_or(base.format);
        let group = self.group.unwrap_or_else(|| base.group.clone());
        let levels = self.application_level.is_some() || self.system_level.is_some();
        match format {
            LogFormat::Text if levels => Err(LevelOfText),
            LogFormat::Text => Ok(Logging {
                format,
                application_level: ApplicationLogLevel::Info,
                system_level: SystemLogLevel::Info,
                group,
            }),
            LogFormat::Json => Ok(Logging {
                format,
                application_level: self.application_level.unwrap_or(base.application_level),
                system_level: self.system_level.unwrap_or(base.system_level),
                group,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_go_with_json_alone() {
        let base = Logging::default_for("f");
        let debug = || LoggingUpdate {
            system_level: Some(SystemLogLevel::Debug),
            ..LoggingUpdate::default()
        };
        assert_eq!(debug().apply(&base), Err(LevelOfText));
        let json = LoggingUpdate {
            format: Some(LogFormat::Json),
            ..debug()
        }
        .apply(&base)
        .unwrap();
        assert_eq!(json.system_level, SystemLogLevel::Debug);
        let renamed = LoggingUpdate {
            group: Some("cool".into()),
            ..LoggingUpdate::default()
        }
        .apply(&json);
        assert_eq!(
            renamed.unwrap(),
            Logging {
                group: "cool".into(),
                ..json.clone()
            }
        );
        let text = LoggingUpdate {
            format: Some(LogFormat::Text),
            ..LoggingUpdate::default()
        };
        assert_eq!(text.apply(&json).unwrap(), base);
    }
}
