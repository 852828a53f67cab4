//! What one check found, and how findings are told: as lines with marks, or as one JSON object.

use serde::Serialize;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it should be.
    Good,
    /// Functions run without it, with less.
    Missing,
    /// Functions do not run, or a promise is not kept.
    Failed,
}

impl State {
    fn mark(self) -> char {
        match self {
            Self::Good => '✓',
            Self::Missing => '!',
            Self::Failed => '✗',
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The heading that it stands under.
    pub(super) subject: &'static str,
    pub(super) state: State,
    /// What was found, as a sentence without a full stop.
    pub(super) found: String,
    /// What to do; only where there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn good(subject: &'static str, found: impl Into<String>) -> Self {
        Self {
            subject,
            state: State::Good,
            found: found.into(),
            remedy: None,
        }
    }

    pub(super) fn missing(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            subject,
            state: State::Missing,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }

    pub(super) fn failed(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            subject,
            state: State::Failed,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// How many findings are in each state.
#[derive(Serialize)]
struct Counts {
    good: usize,
    missing: usize,
    failed: usize,
}

impl Counts {
    fn of(findings: &[Finding]) -> Self {
        let count = |state| {
            findings
                .iter()
                .filter(|finding| finding.state == state)
                .count()
        };
        Self {
            good: count(State::Good),
            missing: count(State::Missing),
            failed: count(State::Failed),
        }
    }
}

/// Lines below headings, with the counts last.
pub(super) fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut subject = "";
    for finding in findings {
        if finding.subject != subject {
            subject = finding.subject;
            text += &format!("{subject}\n");
        }
        text += &format!("  {} {}\n", finding.state.mark(), finding.found);
        if let Some(remedy) = &finding.remedy {
            text += &format!("      remedy: {remedy}\n");
        }
    }
    let Counts {
        good,
        missing,
        failed,
    } = Counts::of(findings);
    text + &format!("{good} good, {missing} missing, {failed} failed\n")
}

/// `{"version", "counts", "findings"}`; fields may be added, never changed.
pub(super) fn json(findings: &[Finding]) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Report<'a> {
        version: &'static str,
        counts: Counts,
        findings: &'a [Finding],
    }
    serde_json::to_string_pretty(&Report {
        version: env!("CARGO_PKG_VERSION"),
        counts: Counts::of(findings),
        findings,
    })
}
