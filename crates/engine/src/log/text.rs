//! Platform lines of the text format, byte for byte AWS's, without the last line feed.

use super::{Beginning, Origin, Phase, Report};
use crate::failure::Failure;
use lambkin_model::{RequestId, Timestamp};
use std::fmt::Write;
use std::time::Duration;

pub(crate) fn init_start(origin: &Origin, beginning: Beginning) -> String {
    let what = match beginning {
        Beginning::Start | Beginning::Load => "INIT_START",
        Beginning::Clone => "RESTORE_START",
    };
    format!(
        "{what} Runtime Version: {}\tRuntime Version ARN: {}",
        origin.runtime_version, origin.runtime_version_arn
    )
}

/// Written when INIT failed, and of one that was not for an invoke.
pub(crate) fn init_report(phase: Phase, took: Duration, failure: Option<&Failure>) -> String {
    let took = milliseconds(took);
    let failed = failure.map_or_else(String::new, |failure| {
        format!("\tPhase: {}\t{}", phase.as_str(), status(failure))
    });
    format!("INIT_REPORT Init Duration: {took:.2} ms{failed}")
}

pub(crate) fn restore_report(took: Duration, failure: Option<&Failure>) -> String {
    let took = milliseconds(took);
    let failed = failure.map_or_else(String::new, |failure| format!("\t{}", status(failure)));
    format!("RESTORE_REPORT Restore Duration: {took:.2} ms{failed}")
}

pub(crate) fn start(id: RequestId, version: &str) -> String {
    format!("START RequestId: {id} Version: {version}")
}

pub(crate) fn end(id: RequestId) -> String {
    format!("END RequestId: {id}")
}

/// What stands before END when the platform ended the invoke.
pub(crate) fn failure(now: Timestamp, id: RequestId, failure: &Failure) -> Option<String> {
    let message = failure.message()?;
    Some(match failure {
        Failure::TimedOut(_) => format!("{} {id} {message}\n", now.iso()),
        _ => format!("RequestId: {id} Error: {message}\n{}", failure.error_type()),
    })
}

pub(crate) fn report(report: &Report<'_>, beginning: Beginning) -> String {
    let mut line = format!(
        "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
        report.id,
        milliseconds(report.duration),
        report.billed_ms,
        report.memory_mb,
        report.memory_peak_mb
    );
    // Writing to a String cannot fail.
    if let Some(init) = report.init {
        let took = milliseconds(init);
        let _ = match beginning {
            Beginning::Start | Beginning::Load => write!(line, "Init Duration: {took:.2} ms\t"),
            Beginning::Clone => write!(
                line,
                "Restore Duration: {took:.2} ms\tBilled Restore Duration: {:.0} ms\t",
                took.ceil()
            ),
        };
    }
    if let Some(failure) = report.failure {
        line.push_str(&status(failure));
    }
    line
}

fn status(failure: &Failure) -> String {
    match failure {
        Failure::TimedOut(_) => "Status: timeout".to_owned(),
        _ => format!("Status: error\tError Type: {}", failure.error_type()),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
