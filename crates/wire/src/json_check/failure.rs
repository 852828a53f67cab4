//! Problems in Jackson's words, with the line and column that it would give.

use super::nesting::DEPTH_MAX;

/// Jackson shows no more of a token.
const TOKEN_CHARS_MAX: usize = 256;
const SOURCE: &str = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)";

/// A problem and how far reading had come.
pub(super) struct Failure {
    pub(super) problem: Problem,
    pub(super) at: usize,
}

/// What is wrong.
pub(super) enum Problem {
    Empty,
    /// A byte where something else was wanted.
    Unexpected(u8, &'static str),
    InNumeric(u8, &'static str),
    /// A word that is no literal: where it starts and ends.
    Unrecognized {
        start: usize,
        end: usize,
    },
    NonStandard(&'static str),
    LeadingZero,
    Mismatched(u8),
    Unclosed,
    WithinEntries,
    InString(&'static str),
    InEscape,
    InNumber,
    Escape(u8),
    StringControl(u8, &'static str),
    BlankControl(u8),
    Utf8Start(u8),
    Utf8Middle(u8),
    TooDeep,
}

impl Failure {
    /// The text with its position line.
    pub(super) fn text(&self, bytes: &[u8]) -> String {
        let text = self.problem.text(bytes, self.at);
        match self.problem {
            Problem::TooDeep => text,
            _ => format!("{text}\n at {}", location(bytes, self.at)),
        }
    }
}

impl Problem {
    fn text(&self, bytes: &[u8], at: usize) -> String {
        let end = "Unexpected end-of-input";
        match *self {
            Self::Empty => "No content to map due to end-of-input".to_owned(),
            Self::Unexpected(byte, wanted) => {
                format!("Unexpected character ({}): {wanted}", described(byte))
            }
            Self::InNumeric(byte, wanted) => {
                format!(
                    "Unexpected character ({}) in numeric value: {wanted}",
                    described(byte)
                )
            }
            Self::Unrecognized { start, end } => format!(
                "Unrecognized token '{}': was expecting (JSON String, Number, Array, Object or token \
                 'null', 'true' or 'false')",
                token(&bytes[start..end])
            ),
            Self::NonStandard(word) => format!(
                "Non-standard token '{word}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
            ),
            Self::LeadingZero => "Invalid numeric value: Leading zeroes not allowed".to_owned(),
            Self::Mismatched(byte) => {
                let (kind, start) = innermost(&bytes[..at]);
                let wanted = if kind == "Array" { ']' } else { '}' };
                let (close, start) = (char::from(byte), location(bytes, start));
                format!(
                    "Unexpected close marker '{close}': expected '{wanted}' (for {kind} starting at {start})"
                )
            }
            Self::Unclosed => {
                let (kind, start) = innermost(&bytes[..at]);
                let start = location(bytes, start);
                format!("{end}: expected close marker for {kind} (start marker at {start})")
            }
            Self::WithinEntries => {
                format!("{end} within/between {} entries", innermost(&bytes[..at]).0)
            }
            Self::InString("name") => format!("{end} in field name"),
            Self::InString(_) => format!("{end} in VALUE_STRING"),
            Self::InEscape => format!("{end} in character escape sequence"),
            Self::InNumber => format!("{end} in a Number value"),
            Self::Escape(byte) => format!("Unrecognized character escape {}", described(byte)),
            Self::StringControl(byte, place) => format!(
                "Illegal unquoted character ({}): has to be escaped using backslash to be included in {place}",
                described(byte)
            ),
            Self::BlankControl(byte) => format!(
                r"Illegal character ({}): only regular white space (\r, \n, \t) is allowed between tokens",
                described(byte)
            ),
            Self::Utf8Start(byte) => format!("Invalid UTF-8 start byte 0x{byte:x}"),
            Self::Utf8Middle(byte) => format!("Invalid UTF-8 middle byte 0x{byte:x}"),
            Self::TooDeep => format!(
                "Document nesting depth ({}) exceeds the maximum allowed ({DEPTH_MAX}, from \
                 `StreamReadConstraints.getMaxNestingDepth()`)",
                DEPTH_MAX + 1
            ),
        }
    }
}

fn described(byte: u8) -> String {
    match char::from(byte) {
        c if c.is_control() => format!("(CTRL-CHAR, code {byte})"),
        c => format!("'{c}' (code {byte})"),
    }
}

fn token(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(TOKEN_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}

/// Lines end with LF, CR or both; columns count bytes from 1.
fn location(bytes: &[u8], at: usize) -> String {
    let (mut line, mut row_start) = (1, 0);
    for (index, &byte) in bytes.iter().enumerate().take(at) {
        let crlf = byte == b'\r' && bytes.get(index + 1) == Some(&b'\n');
        if byte == b'\n' || (byte == b'\r' && !crlf) {
            line += 1;
            row_start = index + 1;
        }
    }
    format!("{SOURCE}; line: {line}, column: {}]", at - row_start + 1)
}

/// The innermost open container of well-formed text, and where it starts.
fn innermost(bytes: &[u8]) -> (&'static str, usize) {
    let mut open = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => open.push((byte, index)),
            b'}' | b']' if !in_string => drop(open.pop()),
            _ => {}
        }
    }
    match open.last() {
        Some((b'{', start)) => ("Object", *start),
        Some((_, start)) => ("Array", *start),
        None => ("root", 0),
    }
}

/// `Character.isJavaIdentifierStart`, near enough.
pub(super) fn is_identifier_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '$' | '_' | '\u{a2}'..='\u{a5}')
}

/// `Character.isJavaIdentifierPart`, near enough.
pub(super) fn is_identifier_part(c: char) -> bool {
    is_identifier_start(c)
        || c.is_ascii_digit()
        || matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1b}' | '\u{7f}'..='\u{9f}' | '\u{ad}')
}
