//! A moment to the millisecond, and the forms in which AWS writes it.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// `2026-01-12T15:34:58.000+0000`, as configurations show it.
    pub fn last_modified(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S.%3f+0000")
    }

    /// `2026-01-12T15:34:58.000Z`, as log lines show it.
    pub fn iso(self) -> String {
        self.format("%Y-%m-%dT%H:%M:%S.%3fZ")
    }

    /// `2026/01/12`, as log streams begin.
    pub fn day(self) -> String {
        self.format("%Y/%m/%d")
    }

    fn format(self, format: &str) -> String {
        let moment =
            jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        moment.strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_one_moment() {
        let moment = Timestamp(1_768_232_098_007);
        assert_eq!(moment.last_modified(), "2026-01-12T15:34:58.007+0000");
        assert_eq!(moment.iso(), "2026-01-12T15:34:58.007Z");
        assert_eq!(moment.day(), "2026/01/12");
    }

    #[test]
    fn a_number_beyond_the_calendar_is_shown_as_the_epoch() {
        assert_eq!(Timestamp(i64::MAX).iso(), "1970-01-01T00:00:00.000Z");
    }
}
