//! Two pictures of a run: how near each promised figure is to its bound, and warm latencies side by side.

use std::fmt::Write;

use super::bars::Bound;
use super::report::{Line, Report, Verdict};

const WIDTH: f64 = 900.0;
const LABELS: f64 = 520.0;
const ROW: f64 = 20.0;
/// Times the bound; farther is cut off.
const FARTHEST: f64 = 2.0;
/// Where the scale of latencies starts, in microseconds.
const NEAREST_US: f64 = 5.0;

/// One bar for each bounded line: its median as a part of what it may be, with the rounds' spread.
pub(super) fn bar(report: &Report) -> String {
    let lines: Vec<(&Line, [f64; 3])> = report
        .lines
        .iter()
        .filter_map(|line| Some((line, parts(line)?)))
        .collect();
    let mut picture = Picture::new(
        "How much of its bound each figure takes: less is better, beyond the line it is missed",
        lines.len(),
    );
    for (number, (line, [least, middle, most])) in lines.iter().enumerate() {
        let colour = if line.verdict == Verdict::Kept {
            "#3a7"
        } else {
            "#c43"
        };
        picture.label(number, line.bar.what);
        picture.bar(number, middle / FARTHEST, colour);
        picture.spread(number, least / FARTHEST, most / FARTHEST);
        picture.value(number, &format!("{middle:.2}"));
    }
    picture.mark(1.0 / FARTHEST);
    picture.finish()
}

/// Least, middle and most, as parts of the bound: below 1 is kept.
fn parts(line: &Line) -> Option<[f64; 3]> {
    let part = |value: f64| match line.bar.bound {
        Bound::AtMost(most) if most > 0.0 => Some(value / most),
        Bound::AtLeast(least) if value > 0.0 => Some(least / value),
        _ => None,
    };
    let parts: Option<Vec<f64>> = line.values.iter().copied().map(part).collect();
    let parts = parts?;
    let least = parts.iter().copied().fold(f64::INFINITY, f64::min);
    let most = parts.iter().copied().fold(0.0, f64::max);
    Some([least, part(line.median()?)?, most])
}

/// Median and p99 of everything that was measured warm over one connection.
pub(super) fn warm(report: &Report) -> String {
    let found: Vec<(&str, f64, f64)> = report.warm_us().collect();
    let farthest = found
        .iter()
        .map(|(_, _, p99)| *p99)
        .fold(NEAREST_US, f64::max);
    let part = |us: f64| (us / NEAREST_US).max(1.0).ln() / (farthest / NEAREST_US).ln();
    let mut picture = Picture::new(
        "Warm, one connection, microseconds on a logarithmic scale: p50 (bar) and p99 (line)",
        found.len(),
    );
    for (number, (name, p50, p99)) in found.iter().enumerate() {
        picture.label(number, name);
        picture.bar(number, part(*p50), "#47a");
        picture.spread(number, part(*p50), part(*p99));
        picture.value(number, &format!("{p50:.0} / {p99:.0}"));
    }
    picture.finish()
}

/// Rows of a label, a bar and a number.
struct Picture {
    svg: String,
    rows: usize,
}

impl Picture {
    fn new(title: &str, rows: usize) -> Self {
        let height = (rows as f64 + 2.0) * ROW;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"11\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let _ = writeln!(
            svg,
            "<text x=\"8\" y=\"16\" font-size=\"13\">{title}</text>"
        );
        Self { svg, rows }
    }

    fn x(part: f64) -> f64 {
        LABELS + part.clamp(0.0, 1.0) * (WIDTH - LABELS - 90.0)
    }

    fn y(number: usize) -> f64 {
        (number as f64 + 1.5) * ROW
    }

    fn label(&mut self, number: usize, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let (x, y) = (LABELS - 8.0, Self::y(number) + 10.0);
        let _ = writeln!(
            self.svg,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{text}</text>"
        );
    }

    fn bar(&mut self, number: usize, part: f64, colour: &str) {
        let (y, width) = (Self::y(number), Self::x(part) - LABELS);
        let _ = writeln!(
            self.svg,
            "<rect x=\"{LABELS}\" y=\"{y}\" width=\"{width:.1}\" height=\"13\" fill=\"{colour}\"/>"
        );
    }

    fn spread(&mut self, number: usize, least: f64, most: f64) {
        let (y, from, to) = (Self::y(number) + 6.5, Self::x(least), Self::x(most));
        let _ = writeln!(
            self.svg,
            "<line x1=\"{from:.1}\" y1=\"{y}\" x2=\"{to:.1}\" y2=\"{y}\" stroke=\"black\"/>"
        );
    }

    fn value(&mut self, number: usize, text: &str) {
        let (x, y) = (WIDTH - 80.0, Self::y(number) + 10.0);
        let _ = writeln!(self.svg, "<text x=\"{x}\" y=\"{y}\">{text}</text>");
    }

    fn mark(&mut self, part: f64) {
        let (x, bottom) = (Self::x(part), Self::y(self.rows));
        let _ = writeln!(
            self.svg,
            "<line x1=\"{x}\" y1=\"{ROW}\" x2=\"{x}\" y2=\"{bottom}\" stroke=\"black\" stroke-dasharray=\"4\"/>"
        );
    }

    fn finish(mut self) -> String {
        self.svg += "</svg>\n";
        self.svg
    }
}
