//! How one function's first invoke went, for people or as one JSON object a line.

use std::io;

use serde::Serialize;
use serde_json::Value;

use crate::client::Answered;
use crate::terminal::{Style, Terminal};

use super::template::{Function, Rejected};

/// One function's outcome.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) struct Report {
    logical_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build: Option<String>,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case", untagged)]
enum Outcome {
    /// It was not deployed or not invoked.
    Failed { error: String },
    Answered {
        event: String,
        answer: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        function_error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        billed_ms: Option<u64>,
        log: String,
    },
}

impl Report {
    pub(super) fn rejected(rejected: &Rejected) -> Self {
        Self {
            logical_id: rejected.logical_id.clone(),
            function: None,
            runtime: rejected.runtime.clone(),
            build: None,
            outcome: Outcome::Failed {
                error: rejected.reason.clone(),
            },
        }
    }

    pub(super) fn failed(function: &Function, error: &anyhow::Error) -> Self {
        Self::of(
            function,
            None,
            Outcome::Failed {
                error: format!("{error:#}"),
            },
        )
    }

    pub(super) fn answered(
        function: &Function,
        build: Option<String>,
        event: String,
        answered: Answered,
    ) -> Self {
        let outcome = Outcome::Answered {
            event,
            answer: String::from_utf8_lossy(&answered.payload).into_owned(),
            function_error: answered.function_error,
            billed_ms: billed_ms(&answered.log),
            log: answered.log,
        };
        Self::of(function, build, outcome)
    }

    fn of(function: &Function, build: Option<String>, outcome: Outcome) -> Self {
        Self {
            logical_id: function.logical_id.clone(),
            function: Some(function.name.clone()),
            runtime: function.runtime.clone(),
            build,
            outcome,
        }
    }

    pub(super) fn is_well(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Answered {
                function_error: None,
                ..
            }
        )
    }

    pub(super) fn print(&self, terminal: &Terminal, as_json: bool) -> io::Result<()> {
        if as_json {
            return terminal.line(serde_json::to_string(self)?);
        }
        let runtime = self.runtime.as_deref().unwrap_or("no runtime");
        let (event, answer, function_error, billed_ms, log) = match &self.outcome {
            Outcome::Failed { error } => {
                terminal.fail(format_args!(
                    "{} ({runtime}) does not run: {error}",
                    self.logical_id
                ));
                return Ok(());
            }
            Outcome::Answered {
                event,
                answer,
                function_error,
                billed_ms,
                log,
            } => (event, answer, function_error, billed_ms, log),
        };
        let name = self.function.as_deref().unwrap_or(&self.logical_id);
        let build = self
            .build
            .as_ref()
            .map(|build| format!(", {build}"))
            .unwrap_or_default();
        let details = terminal.paint(Style::Faint, format!("({runtime}{build}) with {event}"));
        terminal.line(format_args!(
            "{} {details}",
            terminal.paint(Style::Heading, name)
        ))?;
        let style = if function_error.is_some() {
            Style::Bad
        } else {
            Style::Good
        };
        terminal.line(terminal.paint(style, answer))?;
        terminal.line(log.trim_end_matches('\n'))?;
        let billed = billed_ms.map_or("billed: no report".to_owned(), |ms| {
            format!("billed {ms} ms")
        });
        let failed = function_error
            .as_ref()
            .map(|kind| format!(", failed ({kind})"))
            .unwrap_or_default();
        terminal.line(format_args!("{billed}{failed}\n"))
    }
}

/// What a log's report line says was billed, in either format.
fn billed_ms(log: &str) -> Option<u64> {
    log.lines()
        .rev()
        .find_map(|line| billed_in_text(line).or_else(|| billed_in_json(line)))
}

fn billed_in_text(line: &str) -> Option<u64> {
    let (_, rest) = line
        .strip_prefix("REPORT ")?
        .split_once("Billed Duration: ")?;
    rest.split_once(" ms")?.0.parse().ok()
}

fn billed_in_json(line: &str) -> Option<u64> {
    let record: Value = serde_json::from_str(line).ok()?;
    let is_report = record["type"] == "platform.report";
    record
        .pointer("/record/metrics/billedDurationMs")
        .filter(|_| is_report)?
        .as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_of_a_report_tell_what_was_billed() {
        let text = "START RequestId: 1 Version: $LATEST\nREPORT RequestId: 1\tDuration: 1.20 ms\tBilled Duration: 102 ms\tMemory Size: 128 MB\t\n";
        assert_eq!(billed_ms(text), Some(102));
        let json = r#"{"time":"t","type":"platform.report","record":{"metrics":{"durationMs":1.2,"billedDurationMs":7}}}"#;
        assert_eq!(billed_ms(json), Some(7));
        assert_eq!(billed_ms("Billed Duration: 5 ms\n{}"), None);
    }
}
