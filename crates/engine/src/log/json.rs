//! Platform lines of the JSON format: one object a line, its keys in the order of AWS's telemetry schema.

use super::{Beginning, Origin, Phase, Report};
use crate::failure::Failure;
use lambkin_model::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// What happened.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Record<'r> {
    #[serde(rename_all = "camelCase")]
    InitStart {
        initialization_type: &'static str,
        phase: &'static str,
        #[serde(flatten)]
        instance: Instance<'r>,
    },
    #[serde(rename_all = "camelCase")]
    InitRuntimeDone {
        initialization_type: &'static str,
        phase: &'static str,
        #[serde(flatten)]
        status: Status<'r>,
    },
    #[serde(rename_all = "camelCase")]
    InitReport {
        initialization_type: &'static str,
        phase: &'static str,
        metrics: DurationMs,
        #[serde(flatten)]
        status: Status<'r>,
    },
    RestoreStart {
        #[serde(flatten)]
        instance: Instance<'r>,
    },
    RestoreRuntimeDone {
        #[serde(flatten)]
        status: Status<'r>,
    },
    RestoreReport {
        metrics: DurationMs,
        #[serde(flatten)]
        status: Status<'r>,
    },
    #[serde(rename_all = "camelCase")]
    Start {
        request_id: String,
        function_arn: &'r str,
        version: &'r str,
    },
    #[serde(rename_all = "camelCase")]
    RuntimeDone {
        request_id: String,
        metrics: DurationMs,
        #[serde(flatten)]
        status: Status<'r>,
    },
    #[serde(rename_all = "camelCase")]
    Report {
        request_id: String,
        metrics: Metrics,
        #[serde(flatten)]
        status: Status<'r>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DurationMs {
    duration_ms: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metrics {
    duration_ms: f64,
    billed_duration_ms: u64,
    #[serde(rename = "memorySizeMB")]
    memory_size_mb: u32,
    #[serde(rename = "maxMemoryUsedMB")]
    max_memory_used_mb: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore_duration_ms: Option<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status<'r> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'r str>,
}

impl<'r> From<Option<&'r Failure>> for Status<'r> {
    fn from(failure: Option<&'r Failure>) -> Self {
        match failure {
            None => Self {
                status: "success",
                error_type: None,
            },
            Some(Failure::TimedOut(_)) => Self {
                status: "timeout",
                error_type: None,
            },
            Some(failure) => Self {
                status: "error",
                error_type: Some(failure.error_type()),
            },
        }
    }
}

/// The environment that begins.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance<'r> {
    runtime_version: &'r str,
    runtime_version_arn: &'r str,
    function_name: &'r str,
    function_version: &'r str,
    instance_id: &'r str,
    instance_max_memory: u64,
}

impl<'r> Instance<'r> {
    fn of(origin: &'r Origin) -> Self {
        Self {
            runtime_version: &origin.runtime_version,
            runtime_version_arn: &origin.runtime_version_arn,
            function_name: origin.function.as_str(),
            function_version: &origin.version,
            instance_id: &origin.stream,
            instance_max_memory: origin.memory_bytes,
        }
    }
}

impl<'r> Record<'r> {
    pub(crate) fn init_start(origin: &'r Origin, beginning: Beginning) -> Self {
        let instance = Instance::of(origin);
        if beginning == Beginning::Clone {
            return Self::RestoreStart { instance };
        }
        Self::InitStart {
            initialization_type: beginning.initialization_type(),
            phase: Phase::Init.as_str(),
            instance,
        }
    }

    pub(crate) fn init_runtime_done(
        phase: Phase,
        failure: Option<&'r Failure>,
        beginning: Beginning,
    ) -> Self {
        let status = failure.into();
        if beginning == Beginning::Clone {
            return Self::RestoreRuntimeDone { status };
        }
        Self::InitRuntimeDone {
            initialization_type: beginning.initialization_type(),
            phase: phase.as_str(),
            status,
        }
    }

    pub(crate) fn init_report(
        phase: Phase,
        took: Duration,
        failure: Option<&'r Failure>,
        beginning: Beginning,
    ) -> Self {
        let (duration_ms, status) = (milliseconds(took), failure.into());
        let metrics = DurationMs { duration_ms };
        if beginning == Beginning::Clone {
            return Self::RestoreReport { metrics, status };
        }
        Self::InitReport {
            initialization_type: beginning.initialization_type(),
            phase: phase.as_str(),
            metrics,
            status,
        }
    }

    pub(crate) fn start(origin: &'r Origin, id: impl ToString) -> Self {
        Self::Start {
            request_id: id.to_string(),
            function_arn: &origin.arn,
            version: &origin.version,
        }
    }

    pub(crate) fn runtime_done(report: &Report<'r>) -> Self {
        Self::RuntimeDone {
            request_id: report.id.to_string(),
            metrics: DurationMs {
                duration_ms: milliseconds(report.duration),
            },
            status: report.failure.into(),
        }
    }

    pub(crate) fn report(report: &Report<'r>, beginning: Beginning) -> Self {
        let before = report.init.map(milliseconds);
        let (init_duration_ms, restore_duration_ms) = match beginning {
            Beginning::Start | Beginning::Load => (before, None),
            Beginning::Clone => (None, before),
        };
        Self::Report {
            request_id: report.id.to_string(),
            metrics: Metrics {
                duration_ms: milliseconds(report.duration),
                billed_duration_ms: report.billed_ms,
                memory_size_mb: report.memory_mb,
                max_memory_used_mb: report.memory_peak_mb,
                init_duration_ms,
                restore_duration_ms,
            },
            status: report.failure.into(),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::InitStart { .. } => "platform.initStart",
            Self::InitRuntimeDone { .. } => "platform.initRuntimeDone",
            Self::InitReport { .. } => "platform.initReport",
            Self::RestoreStart { .. } => "platform.restoreStart",
            Self::RestoreRuntimeDone { .. } => "platform.restoreRuntimeDone",
            Self::RestoreReport { .. } => "platform.restoreReport",
            Self::Start { .. } => "platform.start",
            Self::RuntimeDone { .. } => "platform.runtimeDone",
            Self::Report { .. } => "platform.report",
        }
    }

    /// The whole line.
    pub(crate) fn line(&self, now: Timestamp) -> String {
        #[derive(Serialize)]
        struct Line<'l> {
            time: String,
            r#type: &'static str,
            record: &'l Record<'l>,
        }
        let line = Line {
            time: now.iso(),
            r#type: self.kind(),
            record: self,
        };
        serde_json::to_string(&line).unwrap_or_default()
    }
}

/// A word of the platform's own, shaped as an application's line is.
pub(crate) fn note(now: Timestamp, message: &str) -> String {
    #[derive(Serialize)]
    struct Note<'n> {
        timestamp: String,
        level: &'static str,
        message: &'n str,
    }
    let note = Note {
        timestamp: now.iso(),
        level: "WARN",
        message,
    };
    serde_json::to_string(&note).unwrap_or_default()
}

/// To the microsecond, as AWS prints it here.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
