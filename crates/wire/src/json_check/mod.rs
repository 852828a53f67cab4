//! Whether an invoke payload is JSON: one pass, no allocation, in AWS's (Jackson's) words if not.
//!
//! The scanner follows Jackson's byte parser step by step, for its texts and positions depend on how
//! far it has read. Refused beyond RFC 8259: nesting below 1,000 levels, and a second root value.

mod failure;
mod nesting;
mod token;

use failure::{Failure, Problem};
use nesting::Nesting;

/// Checks a payload. An empty one is the caller's affair: on AWS it stands for `{}`.
///
/// # Errors
/// The whole text of AWS's `InvalidRequestContentException`, position line included.
pub fn json_check(payload: &[u8]) -> Result<(), String> {
    parse_error(payload).map_err(|text| {
        format!("Could not parse request body into json: Could not parse payload into json: {text}")
    })
}

/// Jackson's own part of the text.
pub(crate) fn parse_error(bytes: &[u8]) -> Result<(), String> {
    Scanner {
        bytes,
        at: 0,
        nesting: Nesting::default(),
    }
    .document()
    .map_err(|failure| failure.text(bytes))
}

/// Reads a document byte by byte.
struct Scanner<'a> {
    bytes: &'a [u8],
    /// The next byte to read; problems are located by how far reading came.
    at: usize,
    nesting: Nesting,
}

impl Scanner<'_> {
    fn document(&mut self) -> Result<(), Failure> {
        let first = self
            .skip_blanks()?
            .ok_or_else(|| self.located(Problem::Empty))?;
        self.value(first)?;
        while !self.nesting.is_root() {
            self.next_in_container()?;
        }
        match self.skip_blanks()? {
            None => Ok(()),
            Some(byte) => Err(self.unexpected(byte, "Expected space separating root-level values")),
        }
    }

    /// Reads the next entry, or the end, of the innermost array or object.
    fn next_in_container(&mut self) -> Result<(), Failure> {
        let mut byte = self
            .skip_blanks()?
            .ok_or_else(|| self.located(Problem::Unclosed))?;
        if byte == b']' || byte == b'}' {
            return self.close(byte);
        }
        if self.nesting.expects_comma() {
            if byte != b',' {
                let text = if self.nesting.in_object() {
                    "was expecting comma to separate Object entries"
                } else {
                    "was expecting comma to separate Array entries"
                };
                return Err(self.unexpected(byte, text));
            }
            byte = self
                .skip_blanks()?
                .ok_or_else(|| self.located(Problem::WithinEntries))?;
        }
        self.nesting.entry();
        if self.nesting.in_object() {
            byte = self.name_and_colon(byte)?;
        }
        self.value(byte)
    }

    /// Reads a field's name and its colon; gives the first byte of the value.
    fn name_and_colon(&mut self, byte: u8) -> Result<u8, Failure> {
        if byte != b'"' {
            return Err(self.unexpected(byte, "was expecting double-quote to start field name"));
        }
        self.string("name")?;
        let within = |scanner: &Self| scanner.located(Problem::WithinEntries);
        let colon = self.skip_blanks()?.ok_or_else(|| within(self))?;
        if colon != b':' {
            let text = "was expecting a colon to separate field name and value";
            return Err(self.unexpected(colon, text));
        }
        self.skip_blanks()?.ok_or_else(|| within(self))
    }

    fn close(&mut self, byte: u8) -> Result<(), Failure> {
        if (byte == b'}') != self.nesting.in_object() {
            return Err(self.before(Problem::Mismatched(byte)));
        }
        self.nesting.pop();
        Ok(())
    }

    /// Reads a value whose first byte has been read.
    fn value(&mut self, byte: u8) -> Result<(), Failure> {
        match byte {
            b'"' => self.string("string value"),
            b'{' | b'[' => {
                let fits = self.nesting.push(byte == b'{');
                if fits {
                    Ok(())
                } else {
                    Err(self.located(Problem::TooDeep))
                }
            }
            b'-' | b'0'..=b'9' => self.number(byte),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => Err(self.not_a_value(byte)),
        }
    }

    /// The next byte that is no blank, read; `None` at the end.
    fn skip_blanks(&mut self) -> Result<Option<u8>, Failure> {
        while let Some(byte) = self.read() {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => {}
                0..=0x1f => return Err(self.before(Problem::BlankControl(byte))),
                _ => return Ok(Some(byte)),
            }
        }
        Ok(None)
    }

    fn read(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// A problem found after the last byte read.
    fn located(&self, problem: Problem) -> Failure {
        Failure {
            problem,
            at: self.at,
        }
    }

    /// A problem with the last byte read.
    fn before(&self, problem: Problem) -> Failure {
        Failure {
            problem,
            at: self.at.saturating_sub(1),
        }
    }

    fn unexpected(&self, byte: u8, wanted: &'static str) -> Failure {
        self.before(Problem::Unexpected(byte, wanted))
    }
}

#[cfg(test)]
mod tests;
