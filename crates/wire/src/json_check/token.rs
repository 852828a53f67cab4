//! Strings, numbers and literals.

use super::Scanner;
use super::failure::{Failure, Problem, is_identifier_part, is_identifier_start};

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const VALUES: &str = "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

impl Scanner<'_> {
    /// Reads a string whose opening quote has been read; `place` names it in the texts.
    pub(super) fn string(&mut self, place: &'static str) -> Result<(), Failure> {
        loop {
            self.skip_plain();
            let Some(byte) = self.read() else {
                return Err(self.located(Problem::InString(place)));
            };
            match byte {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                0..=0x1f => return Err(self.before(Problem::StringControl(byte, place))),
                0x80.. => self.multibyte(byte)?,
                _ => {}
            }
        }
    }

    /// Skips eight bytes at a time while none of them ends a string or needs a look.
    fn skip_plain(&mut self) {
        while let Some(chunk) = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk::<8>())
        {
            let word = u64::from_le_bytes(*chunk);
            let zero = |word: u64| word.wrapping_sub(LOW_BITS) & !word & HIGH_BITS;
            let control = word.wrapping_sub(LOW_BITS * 0x20) & !word & HIGH_BITS;
            let quote = zero(word ^ (LOW_BITS * 0x22));
            let backslash = zero(word ^ (LOW_BITS * 0x5c));
            if control | quote | backslash | (word & HIGH_BITS) != 0 {
                return;
            }
            self.at += 8;
        }
    }

    fn escape(&mut self) -> Result<(), Failure> {
        match self.read() {
            None => Err(self.located(Problem::InEscape)),
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => {
                for _ in 0..4 {
                    let byte = self.read().ok_or_else(|| self.located(Problem::InEscape))?;
                    if !byte.is_ascii_hexdigit() {
                        let text = "expected a hex-digit for character escape sequence";
                        return Err(self.unexpected(byte, text));
                    }
                }
                Ok(())
            }
            Some(byte) => Err(self.before(Problem::Escape(byte))),
        }
    }

    /// Reads the rest of a character of several bytes; shortest forms only.
    fn multibyte(&mut self, first: u8) -> Result<(), Failure> {
        let (more, second) = match first {
            0xc2..=0xdf => (1, 0x80..=0xbf),
            0xe0 => (2, 0xa0..=0xbf),
            0xed => (2, 0x80..=0x9f),
            0xe1..=0xef => (2, 0x80..=0xbf),
            0xf0 => (3, 0x90..=0xbf),
            0xf1..=0xf3 => (3, 0x80..=0xbf),
            0xf4 => (3, 0x80..=0x8f),
            _ => return Err(self.located(Problem::Utf8Start(first))),
        };
        let mut legal = second;
        for _ in 0..more {
            let byte = self
                .read()
                .ok_or_else(|| self.located(Problem::InString("string value")))?;
            if !legal.contains(&byte) {
                return Err(self.located(Problem::Utf8Middle(byte)));
            }
            legal = 0x80..=0xbf;
        }
        Ok(())
    }

    /// Reads a number whose first byte has been read.
    pub(super) fn number(&mut self, first: u8) -> Result<(), Failure> {
        let mut leading = first;
        if first == b'-' {
            leading = self.read().ok_or_else(|| self.located(Problem::InNumber))?;
            if !leading.is_ascii_digit() {
                return Err(self.not_after_minus(leading));
            }
        }
        if leading == b'0' && self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.located(Problem::LeadingZero));
        }
        self.digits();
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits_after(b'.', "Decimal point not followed by a digit")?;
        }
        if let Some(exponent @ (b'e' | b'E')) = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits_after(exponent, "Exponent indicator not followed by a digit")?;
        }
        self.root_space()
    }

    fn digits(&mut self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn digits_after(&mut self, last: u8, text: &'static str) -> Result<(), Failure> {
        if self.digits() > 0 {
            return Ok(());
        }
        let byte = self.read().unwrap_or(last);
        Err(self.before(Problem::InNumeric(byte, text)))
    }

    /// A number that is the whole document must end at a blank.
    fn root_space(&mut self) -> Result<(), Failure> {
        match self.peek() {
            Some(byte) if self.nesting.is_root() && !byte.is_ascii_whitespace() => {
                self.at += 1;
                Err(self.unexpected(byte, "Expected space separating root-level values"))
            }
            _ => Ok(()),
        }
    }

    fn not_after_minus(&mut self, byte: u8) -> Failure {
        if self.bytes[self.at - 1..].starts_with(b"Infinity") {
            self.at += "nfinity".len();
            return self.located(Problem::NonStandard("-Infinity"));
        }
        let text = "expected digit (0-9) to follow minus sign, for valid numeric value";
        self.before(Problem::InNumeric(byte, text))
    }

    /// Reads a literal whose first byte has been read.
    pub(super) fn literal(&mut self, literal: &'static str) -> Result<(), Failure> {
        let start = self.at - 1;
        for &expected in &literal.as_bytes()[1..] {
            if self.peek() != Some(expected) {
                return Err(self.unrecognized(start));
            }
            self.at += 1;
        }
        match self.peek() {
            Some(byte) if is_identifier_part(char::from(byte)) => Err(self.unrecognized(start)),
            _ => Ok(()),
        }
    }

    /// What Jackson says of a byte that starts no value.
    pub(super) fn not_a_value(&mut self, byte: u8) -> Failure {
        let rest = &self.bytes[self.at - 1..];
        for literal in ["NaN", "Infinity"] {
            if rest.starts_with(literal.as_bytes()) {
                self.at += literal.len() - 1;
                return self.located(Problem::NonStandard(literal));
            }
        }
        match byte {
            b',' | b'}' => self.unexpected(byte, "expected a value"),
            b']' if !self.nesting.is_root() && !self.nesting.in_object() => {
                self.unexpected(byte, "expected a value")
            }
            b'+' => {
                self.at = (self.at + 1).min(self.bytes.len());
                let text = "JSON spec does not allow numbers to have plus signs: enable \
                            `JsonReadFeature.ALLOW_LEADING_PLUS_SIGN_FOR_NUMBERS` to allow";
                self.before(Problem::InNumeric(byte, text))
            }
            // The byte alone is taken for a Latin-1 character here.
            _ if is_identifier_start(char::from(byte)) => self.unrecognized(self.at - 1),
            _ => self.unexpected(byte, VALUES),
        }
    }

    /// Reads on to the end of what looks like a word, one byte beyond it.
    fn unrecognized(&mut self, start: usize) -> Failure {
        while let Some(byte) = self.read() {
            if byte >= 0x80 {
                if let Err(failure) = self.multibyte(byte) {
                    return failure;
                }
            } else if !is_identifier_part(char::from(byte)) {
                return self.located(Problem::Unrecognized {
                    start,
                    end: self.at - 1,
                });
            }
        }
        self.located(Problem::Unrecognized {
            start,
            end: self.at,
        })
    }
}
