//! The canonical request: the one text that client and server must agree on.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Error, Parts};

/// Typical requests fit without growing.
const TYPICAL_BYTES: usize = 1_024;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Builds it. `payload` is the hash in hexadecimal, or the marker of an unsigned one.
///
/// # Errors
/// [`Error::Mismatch`] if a signed header is not there.
pub(super) fn request(
    parts: &Parts<'_>,
    signed_headers: &str,
    payload: &str,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(TYPICAL_BYTES);
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b'\n');
    path(parts.path, &mut out);
    out.push(b'\n');
    query(parts.query.unwrap_or_default(), &mut out);
    out.push(b'\n');
    for name in signed_headers.split(';') {
        header(parts, name, &mut out)?;
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    Ok(out)
}

/// Dot segments and repeated slashes go; what was encoded once is encoded again, as every service but
/// S3 has it.
fn path(path: &str, out: &mut Vec<u8>) {
    let mut segments: Vec<&str> = Vec::with_capacity(8);
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    for segment in &segments {
        out.push(b'/');
        encode(segment.as_bytes(), out);
    }
    if segments.is_empty() || path.ends_with('/') {
        out.push(b'/');
    }
}

/// Sorted by name, then by value; the signature itself is not part of what is signed.
fn query(query: &str, out: &mut Vec<u8>) {
    if query.is_empty() {
        return;
    }
    let pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(name), encoded(value))
        });
    let mut pairs: Vec<_> = pairs
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_bytes());
    }
}

/// `name:value`, values trimmed, runs of blanks folded, several values joined by commas.
fn header(parts: &Parts<'_>, name: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut values = parts.headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        if name != "host" {
            return Err(Error::Mismatch);
        }
        out.extend_from_slice(parts.authority.as_bytes());
    }
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        folded(value.as_bytes(), out);
    }
    out.push(b'\n');
    Ok(())
}

fn folded(value: &[u8], out: &mut Vec<u8>) {
    let words = value
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// A name or value of the query in its one encoded form; a `+` there is a blank.
fn encoded(text: &str) -> Cow<'_, str> {
    if text.bytes().all(unreserved) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('+', " ");
    let decoded: Vec<u8> = percent_decode_str(&text).collect();
    let mut out = Vec::with_capacity(decoded.len() * 2);
    encode(&decoded, &mut out);
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Everything but unreserved characters as `%XX`.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if unreserved(byte) {
            out.push(byte);
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            out.extend([b'%', HEX[high], HEX[low]]);
        }
    }
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}
