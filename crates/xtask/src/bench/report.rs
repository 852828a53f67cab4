//! What a run says: the bar's table with verdicts, all figures below it, and the same as JSON.

use std::fmt::Write;

use serde_json::{Value, json};

use super::bars::{BARS, Bar, Bound};
use super::figures::Figures;
use super::statistics::median;

/// Whether a figure is where it was promised to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Kept,
    Missed,
    NotMeasured,
    Told,
}

impl Verdict {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Missed => "MISSED",
            Self::NotMeasured => "not measured",
            Self::Told => "",
        }
    }
}

/// One line of the table, evaluated.
pub(super) struct Line {
    pub(super) bar: &'static Bar,
    /// Of every round.
    pub(super) values: Vec<f64>,
    pub(super) verdict: Verdict,
}

impl Line {
    fn of(bar: &'static Bar, figures: &Figures) -> Self {
        let values = match bar.floor {
            Some(floor) => figures.ratios(bar.ours, floor),
            None => figures.values(bar.ours),
        };
        let value = median(&values);
        let verdict = match bar.bound {
            _ if values.is_empty() => Verdict::NotMeasured,
            Bound::Told => Verdict::Told,
            Bound::AtMost(most) if value <= most => Verdict::Kept,
            Bound::AtLeast(least) if value >= least => Verdict::Kept,
            Bound::Never if values.iter().all(|count| *count == 0.0) => Verdict::Kept,
            Bound::AtMost(_) | Bound::AtLeast(_) | Bound::Never => Verdict::Missed,
        };
        Self {
            bar,
            values,
            verdict,
        }
    }

    pub(super) fn median(&self) -> Option<f64> {
        (!self.values.is_empty()).then(|| median(&self.values))
    }

    fn json(&self) -> Value {
        json!({
            "what": self.bar.what,
            "ours": self.bar.ours,
            "floor": self.bar.floor,
            "bound": self.bar.bound.to_string(),
            "median": self.median(),
            "rounds": self.values,
            "verdict": self.verdict.word(),
        })
    }
}

/// A whole run, ready to be written.
pub(super) struct Report {
    pub(super) lines: Vec<Line>,
    figures: Figures,
    /// Rows that could not be measured, and why.
    failures: Vec<(String, String)>,
    /// About the machine and the run, in order.
    facts: Vec<(&'static str, String)>,
    /// Tables that rows print themselves.
    extra: String,
}

impl Report {
    pub(super) fn new(
        figures: Figures,
        failures: Vec<(String, String)>,
        facts: Vec<(&'static str, String)>,
        extra: String,
    ) -> Self {
        let lines = BARS.iter().map(|bar| Line::of(bar, &figures)).collect();
        Self {
            lines,
            figures,
            failures,
            facts,
            extra,
        }
    }

    /// Date and commit.
    pub(super) fn name(&self) -> String {
        let fact = |wanted: &str| {
            let found = self.facts.iter().find(|(name, _)| *name == wanted);
            found.map_or("unknown", |(_, value)| value.as_str())
        };
        format!("{}-{}", fact("date"), fact("commit"))
    }

    /// Everything that was measured warm: its name, p50 and p99.
    pub(super) fn warm_us(&self) -> impl Iterator<Item = (&str, f64, f64)> {
        self.figures.medians().filter_map(|(name, p50)| {
            let subject = name.strip_prefix("warm/")?.strip_suffix("/p50_us")?;
            let p99 = self.figures.median(&format!("warm/{subject}/p99_us"))?;
            Some((subject, p50, p99))
        })
    }

    pub(super) fn json(&self) -> Value {
        let facts: serde_json::Map<_, _> = self
            .facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
            .collect();
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|(row, why)| json!({"row": row, "why": why}))
            .collect();
        json!({
            "run": facts,
            "bar": self.lines.iter().map(Line::json).collect::<Vec<_>>(),
            "not_measured": failures,
            "figures": self.figures,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.facts {
            let _ = writeln!(text, "{name}: {value}");
        }
        let _ = writeln!(
            text,
            "\n{:<84} {:>9} {:>9} {:>9} {:>12}  verdict",
            "the bar", "median", "least", "most", "bound"
        );
        for line in &self.lines {
            bar_line(&mut text, line);
        }
        let _ = writeln!(text, "\nall figures, medians over the rounds");
        for (name, value) in self.figures.medians() {
            let _ = writeln!(text, "{name:<44} {value:>12.3}");
        }
        text += &self.extra;
        for (row, why) in &self.failures {
            let _ = writeln!(text, "\nnot measured: {row}: {why}");
        }
        text
    }
}

fn bar_line(text: &mut String, line: &Line) {
    let (mut middle, mut least, mut most) = ("-".to_owned(), "-".to_owned(), "-".to_owned());
    if let Some(median) = line.median() {
        middle = short(median);
        least = short(line.values.iter().copied().fold(f64::INFINITY, f64::min));
        most = short(
            line.values
                .iter()
                .copied()
                .fold(f64::NEG_INFINITY, f64::max),
        );
    }
    let _ = writeln!(
        text,
        "{:<84} {middle:>9} {least:>9} {most:>9} {:>12}  {}",
        line.bar.what,
        line.bar.bound.to_string(),
        line.verdict.word(),
    );
}

fn short(value: f64) -> String {
    if value == 0.0 || value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(what: &str, figures: Figures) -> Verdict {
        let report = Report::new(figures, Vec::new(), Vec::new(), String::new());
        let line = report.lines.iter().find(|line| line.bar.ours == what);
        line.expect("a line").verdict
    }

    #[test]
    fn a_median_is_held_against_its_bound_and_errors_of_every_round() {
        for (name, values, expected) in [
            ("functions/server/mib", vec![1.0, 64.0, 65.0], Verdict::Kept),
            (
                "functions/server/mib",
                vec![1.0, 65.0, 65.0],
                Verdict::Missed,
            ),
            ("functions/server/mib", Vec::new(), Verdict::NotMeasured),
            ("errors/512/count", vec![0.0, 0.0, 0.0], Verdict::Kept),
            ("errors/512/count", vec![0.0, 0.0, 3.0], Verdict::Missed),
        ] {
            let mut figures = Figures::default();
            for (round, value) in (0..).zip(values) {
                figures.push(round, name, value);
            }
            assert!(verdict(name, figures) == expected, "{name}");
        }
    }
}
