//! Dates as signatures carry them: `YYYYMMDDTHHMMSSZ`, whole seconds of UTC.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const FORMAT: &str = "%Y%m%dT%H%M%SZ";
const LENGTH: usize = 16;

/// A date in both its forms: text for hashing, seconds for arithmetic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AmzDate {
    text: [u8; LENGTH],
    epoch_s: i64,
}

impl AmzDate {
    /// Now, or any other moment; the fraction of its second is dropped.
    pub fn new(time: Timestamp) -> Self {
        Self::from_epoch(time.as_second())
    }

    /// Reads the basic ISO form that `X-Amz-Date` has.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
        let number = |from: usize, to: usize| {
            let digits = bytes.get(from..to)?;
            digits.iter().try_fold(0i16, |sum, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| sum * 10 + i16::from(digit - b'0'))
            })
        };
        let small =
            |from: usize| number(from, from + 2).and_then(|number| i8::try_from(number).ok());
        if (bytes[8], bytes[15]) != (b'T', b'Z') {
            return None;
        }
        let civil = DateTime::new(
            number(0, 4)?,
            small(4)?,
            small(6)?,
            small(9)?,
            small(11)?,
            small(13)?,
            0,
        );
        let time = TimeZone::UTC.to_timestamp(civil.ok()?).ok()?;
        Some(Self {
            text: bytes,
            epoch_s: time.as_second(),
        })
    }

    /// Reads an HTTP date, which the `Date` header has, or the ISO form.
    pub(super) fn parse_http(text: &str) -> Option<Self> {
        let time = || {
            jiff::fmt::rfc2822::parse(text)
                .ok()
                .map(|zoned| Self::new(zoned.timestamp()))
        };
        Self::parse(text).or_else(time)
    }

    /// Seconds since 1970.
    pub fn epoch_s(&self) -> i64 {
        self.epoch_s
    }

    /// This date and some seconds more (or less).
    pub(super) fn plus(&self, seconds: i64) -> Self {
        Self::from_epoch(self.epoch_s.saturating_add(seconds))
    }

    /// `YYYYMMDDTHHMMSSZ`
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// `YYYYMMDD`
    pub fn day(&self) -> &str {
        self.as_str().get(..8).unwrap_or_default()
    }

    /// Moments outside of jiff's years become its first second, which no check lets pass.
    fn from_epoch(epoch_s: i64) -> Self {
        let time = Timestamp::from_second(epoch_s).unwrap_or(Timestamp::MIN);
        let shown = time.strftime(FORMAT).to_string();
        let mut text = *b"00000000T000000Z";
        if let Ok(bytes) = shown.as_bytes().try_into() {
            text = bytes;
        }
        Self {
            text,
            epoch_s: time.as_second(),
        }
    }
}

impl fmt::Display for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_dates_in_the_one_form_are_read() {
        let date = AmzDate::parse("20150830T123600Z").expect("a date");
        assert_eq!((date.epoch_s(), date.day()), (1_440_938_160, "20150830"));
        assert_eq!(
            AmzDate::parse_http("Sun, 30 Aug 2015 12:36:00 GMT"),
            Some(date)
        );
        assert_eq!(date.plus(-300).as_str(), "20150830T123100Z");
        for text in [
            "",
            "20150830T123600",
            "20151330T123600Z",
            "2015-0-30T12360Z",
            "20150830t123600z",
            "+0150830T123600Z",
        ] {
            assert_eq!(AmzDate::parse(text), None, "{text}");
        }
    }
}
