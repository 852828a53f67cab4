//! The model's patterns, matched as Java's `matches()` does: against the whole value.
//!
//! Compiled at first use. Look-around needs a backtracking engine, so its steps are limited: a value
//! that exhausts them counts as not matching.

use std::sync::OnceLock;

use fancy_regex::{Regex, RegexBuilder};

/// Ample for the model's patterns on values within their length limits; a millisecond at most.
const BACKTRACK_STEPS_MAX: usize = 100_000;

/// A regular expression of the model.
#[derive(Debug)]
pub(crate) struct Pattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(crate) const fn new(source: &'static str) -> Self {
        Self {
            source,
            compiled: OnceLock::new(),
        }
    }

    /// As the model has it, for messages.
    pub(crate) fn source(&self) -> &'static str {
        self.source
    }

    /// Whether the whole value matches.
    pub(crate) fn matches(&self, value: &str) -> bool {
        self.regex()
            .is_some_and(|regex| regex.is_match(value).unwrap_or(false))
    }

    #[cfg(test)]
    pub(crate) fn compiles(&self) -> bool {
        self.regex().is_some()
    }

    fn regex(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| compile(self.source)).as_ref()
    }
}

/// `None` if the engine cannot take the pattern; a test holds that none of the model's is such.
fn compile(source: &str) -> Option<Regex> {
    RegexBuilder::new(&format!(r"\A(?:{})\z", translated(source)))
        .backtrack_limit(BACKTRACK_STEPS_MAX)
        .build()
        .ok()
}

/// Java's `\d` and `\s` are ASCII, and its `.` stops at every line end; Rust's are wider.
fn translated(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut chars = source.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match (chars.next(), in_class) {
                (Some('d'), true) => out.push_str("0-9"),
                (Some('d'), false) => out.push_str("[0-9]"),
                (Some('s'), true) => out.push_str(r"\t\n\x0B\x0C\r "),
                (Some('s'), false) => out.push_str(r"[\t\n\x0B\x0C\r ]"),
                (Some('S'), true) => out.push_str(r"\x00-\x08\x0E-\x1F!-\x{10FFFF}"),
                (Some(other), _) => out.extend(['\\', other]),
                (None, _) => out.push('\\'),
            },
            '.' if !in_class => out.push_str(r"[^\n\r\x{85}\x{2028}\x{2029}]"),
            _ => {
                in_class = if in_class { c != ']' } else { c == '[' };
                out.push(c);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_value_counts_and_classes_are_ascii() {
        let check = |pattern, value, expected| {
            assert_eq!(
                Pattern::new(pattern).matches(value),
                expected,
                "{pattern} on {value:?}"
            );
        };
        check(r"\d{3}", "123", true);
        check(r"\d{3}", "1234", false);
        check(r"\d{3}", "١٢٣", false);
        check(r"a|ab", "ab", true);
        check(r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", "12", false);
        check(r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", "12a", true);
        check(r"[0-9A-Za-z\.\-_]*(?<!\.)", "bucket.", false);
        check(r"[^\s]+", "a\u{a0}b", true);
        check(r"[^\s]+", "a b", false);
        check(r"[\s\S]*", "a\n\u{2028}é!", true);
        check(r".*", "a\rb", false);
    }

    #[test]
    fn runaway_backtracking_ends() {
        let value = "a".repeat(5_000) + "!";
        assert!(!Pattern::new(r"(?!x)(a+)+(?=b)").matches(&value));
    }
}
