//! Points in time as people type them: `10m` ago, a date, a month, an ISO time.

use anyhow::{Context, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Milliseconds since 1970 of `10m`, `2h` or the like before `now`, of an ISO time, or of a date (UTC).
pub(crate) fn since(text: &str, now: Timestamp) -> anyhow::Result<i64> {
    match ago(text) {
        Some(ago) => Ok(now.checked_sub(ago).context("that is too long ago")?.as_millisecond()),
        None => point(text).with_context(|| {
            format!("{text:?} is neither a duration such as 30s, 10m, 2h or 7d nor a time such as 2026-01-31 or 2026-01-31T10:00:00Z")
        }),
    }
}

/// A whole number and its unit.
fn ago(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let count: i64 = text
        .strip_suffix(unit)?
        .parse()
        .ok()
        .filter(|count| *count >= 0)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    count.checked_mul(seconds).map(SignedDuration::from_secs)
}

/// Milliseconds since 1970 of an ISO time, or of a date's first moment (UTC).
pub(crate) fn point(text: &str) -> anyhow::Result<i64> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_millisecond());
    }
    let date: Date = match text.len() {
        10 => text
            .parse()
            .with_context(|| format!("{text:?} is no date"))?,
        _ => bail!(
            "{text:?} is neither a date such as 2026-01-31 nor a time such as 2026-01-31T10:00:00Z"
        ),
    };
    first_moment(date)
}

/// First moment of a month such as `2026-01`, and of the next, in milliseconds since 1970 (UTC).
pub(crate) fn month(text: &str) -> anyhow::Result<(i64, i64)> {
    let wrong = || format!("{text:?} is no month; write it as 2026-01");
    let first: Date = format!("{text}-01").parse().with_context(wrong)?;
    let next = first
        .checked_add(1.month())
        .with_context(|| format!("{text} is too late; 9999-11 is the last month"))?;
    Ok((first_moment(first)?, first_moment(next)?))
}

fn first_moment(date: Date) -> anyhow::Result<i64> {
    Ok(date.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond())
}

/// Date and time to the minute (UTC).
pub(crate) fn shown(timestamp_ms: i64) -> String {
    let time = Timestamp::from_millisecond(timestamp_ms);
    time.map_or_else(
        |_| timestamp_ms.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn at(text: &str) -> anyhow::Result<i64> {
        since(text, Timestamp::from_millisecond(NOW).unwrap())
    }

    #[test]
    fn durations_count_back_from_now() {
        for (text, seconds) in [
            ("0s", 0),
            ("30s", 30),
            ("10m", 600),
            ("2h", 7_200),
            ("7d", 604_800),
            ("1w", 604_800),
        ] {
            assert_eq!(at(text).unwrap(), NOW - seconds * 1_000, "{text}");
        }
    }

    #[test]
    fn times_and_dates_are_points() {
        assert_eq!(at("1970-01-02").unwrap(), 86_400_000);
        assert_eq!(at("1970-01-01T01:00:00Z").unwrap(), 3_600_000);
        assert_eq!(at("1970-01-01T01:00:00+01:00").unwrap(), 0);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "m",
            "10",
            "-5m",
            "ten minutes",
            "2026-13-01",
            "99999999999999999999h",
            "9223372036854775807w",
            "10ü",
        ] {
            assert!(at(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let (from, to) = month("2026-12").unwrap();
        assert_eq!(to - from, 31 * 86_400_000);
        assert_eq!(shown(to), "2027-01-01 00:00");
        assert!(
            month("9999-12")
                .unwrap_err()
                .to_string()
                .contains("too late")
        );
        assert!(month("2026-00").is_err() && month("december").is_err());
    }
}
