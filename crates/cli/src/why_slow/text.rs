//! A start for people: its parts with bars and medians, its modules, and the advice.

use lambkin_wire::admin::{StartLine, StartModule, Starts};

use super::advice::advice;
use super::parts::{median_total_us, median_us, ms, parts, percent};
use crate::table::{self, Align};
use crate::time;

/// Columns of the longest bar.
const BAR_WIDTH: u64 = 32;
/// Eighths of a column.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Levels that are shown as such.
const INDENT_MAX: u8 = 16;
/// Modules that are shown; JSON has the others.
pub(super) const MODULES_SHOWN: usize = 12;

pub(super) fn shown(found: &Starts) -> String {
    let Some(last) = found.starts.first() else {
        return none_known(&found.function);
    };
    let title = format!(
        "{}: {} start of {} UTC, {} ms ({}), request {}",
        found.function,
        last.start,
        time::shown(last.at_ms),
        ms(last.total_us),
        last.outcome,
        last.request_id
    );
    let mut blocks = vec![title, table_of_parts(last, &found.starts)];
    blocks.extend(table_of_modules(last));
    blocks.push(advice(&found.function, last));
    blocks.join("\n\n")
}

/// What is said when there is nothing to show.
pub(super) fn none_known(function: &str) -> String {
    format!(
        "no start of {function} is known: invoke it once (`lambkin invoke {function}`). Starts are forgotten when the function changes and when the server ends"
    )
}

fn table_of_parts(last: &StartLine, starts: &[StartLine]) -> String {
    let median = format!("MEDIAN OF {}", starts.len());
    let mut table = table::new(&[
        ("PART", Align::Left),
        ("MS", Align::Right),
        ("%", Align::Right),
        (&median, Align::Right),
        ("", Align::Left),
    ]);
    let longest_us = parts(last).iter().map(|(_, us)| *us).max().unwrap_or(0);
    for (part, us) in parts(last) {
        let median_us = median_us(part, starts);
        table.add_row(row(part.name(), us, last.total_us, median_us, longest_us));
    }
    let total = row(
        "all",
        last.total_us,
        last.total_us,
        median_total_us(starts),
        0,
    );
    table.add_row(total);
    table.trim_fmt()
}

fn row(name: &str, us: u64, whole_us: u64, median_us: u64, longest_us: u64) -> [String; 5] {
    let share = format!("{:.1}", percent(us, whole_us));
    let bar = match longest_us {
        0 => String::new(),
        longest_us => bar(us, longest_us),
    };
    [name.to_owned(), ms(us), share, ms(median_us), bar]
}

fn bar(us: u64, longest_us: u64) -> String {
    let eighths = us.saturating_mul(BAR_WIDTH * 8) / longest_us.max(1);
    let (whole, rest) = (eighths / 8, eighths % 8);
    "█".repeat(whole as usize) + EIGHTHS[rest as usize]
}

fn table_of_modules(last: &StartLine) -> Option<String> {
    let shown = in_order(&last.program.as_ref()?.modules);
    if shown.is_empty() {
        return None;
    }
    let mut table = table::new(&[
        ("MODULE", Align::Left),
        ("MS", Align::Right),
        ("%", Align::Right),
        ("OF ITS OWN", Align::Right),
    ]);
    for module in shown {
        let name = format!(
            "{}{}",
            "  ".repeat(module.depth.min(INDENT_MAX).into()),
            module.name
        );
        let share = format!("{:.1}", percent(module.total_us, last.total_us));
        table.add_row([name, ms(module.total_us), share, ms(module.self_us)]);
    }
    Some(table.trim_fmt())
}

/// The longest ones, each behind the one that loads it.
pub(super) fn in_order(modules: &[StartModule]) -> Vec<&StartModule> {
    let mut shown: Vec<&StartModule> = modules.iter().take(MODULES_SHOWN).collect();
    shown.sort_by_key(|module| (module.start_us, module.depth));
    shown
}

#[cfg(test)]
mod tests {
    use super::super::testing::{start, starts};
    use super::*;

    #[test]
    fn parts_modules_and_advice_stand_below_each_other() {
        let mut before = start();
        before.handler_us = 20_000;
        let text = shown(&starts(vec![start(), before]));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines[0],
            "f: cold start of 1970-01-01 00:00 UTC, 400.0 ms (success), request r-1"
        );
        let words = |start: &str| -> Vec<&str> {
            let line = lines
                .iter()
                .find(|line| line.trim_start().starts_with(start));
            line.unwrap().split_whitespace().collect()
        };
        let full = "█".repeat(32);
        assert_eq!(
            words("imports"),
            ["imports", "300.0", "75.0", "300.0", &full]
        );
        assert_eq!(words("first answer")[2..5], ["40.0", "10.0", "20.0"]);
        assert_eq!(words("all"), ["all", "400.0", "100.0", "400.0"]);
        assert_eq!(
            words("heavy.core"),
            ["heavy.core", "260.0", "65.0", "260.0"]
        );
        let at = |name: &str| {
            lines
                .iter()
                .position(|line| line.trim_start().starts_with(name))
        };
        assert!(
            at("index ") < at("json")
                && at("json") < at("heavy ")
                && at("heavy ") < at("heavy.core")
        );
        assert!(lines.last().unwrap().starts_with("import of heavy takes"));
    }

    #[test]
    fn without_a_start_it_says_what_to_do() {
        let text = shown(&starts(Vec::new()));
        assert!(text.starts_with("no start of f is known: invoke it once"));
    }
}
