//! The trace header of an invocation: the caller's ids if it sent any, new ones otherwise.

use rand::Rng;
use std::fmt::Write;

/// Longest trace header that is read; AWS's own never exceed a few hundred bytes.
const HEADER_BYTES_MAX: usize = 1_024;

/// `Root=1-<8hex>-<24hex>;Parent=<16hex>;Sampled=0`, as the function and the caller see it.
pub(crate) fn header(sent: Option<&str>, now_s: u64) -> String {
    let sent = sent
        .filter(|text| text.len() <= HEADER_BYTES_MAX)
        .map(Sent::read);
    let sent = sent.unwrap_or_default();
    let mut random = rand::rng();
    let mut header = String::with_capacity(80);
    // Writing to a String cannot fail.
    let _ = match sent.root {
        Some(root) => write!(header, "Root={root}"),
        None => {
            let (high, low): (u32, u64) = random.random();
            write!(
                header,
                "Root=1-{:08x}-{high:08x}{low:016x}",
                now_s & 0xffff_ffff
            )
        }
    };
    let _ = match sent.parent {
        Some(parent) => write!(header, ";Parent={parent}"),
        None => write!(header, ";Parent={:016x}", random.random::<u64>()),
    };
    let _ = write!(header, ";Sampled={}", u8::from(sent.sampled));
    header
}

/// What a caller sent, part by part; malformed parts count as absent.
#[derive(Default)]
struct Sent<'t> {
    root: Option<&'t str>,
    parent: Option<&'t str>,
    sampled: bool,
}

impl<'t> Sent<'t> {
    fn read(header: &'t str) -> Self {
        let mut sent = Self::default();
        for (key, value) in header
            .split(';')
            .filter_map(|part| part.trim().split_once('='))
        {
            if key.eq_ignore_ascii_case("root") {
                sent.root = Some(value).filter(|value| is_root(value));
            } else if key.eq_ignore_ascii_case("parent") {
                sent.parent = Some(value).filter(|value| is_hex(value, 16));
            } else if key.eq_ignore_ascii_case("sampled") {
                sent.sampled = value == "1";
            }
        }
        sent
    }
}

fn is_root(text: &str) -> bool {
    let mut parts = text.split('-');
    parts.next() == Some("1")
        && parts.next().is_some_and(|time| is_hex(time, 8))
        && parts.next().is_some_and(|unique| is_hex(unique, 24))
        && parts.next().is_none()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_have_the_form_that_aws_gives_them() {
        let text = header(None, 0x6512_3456);
        let sent = Sent::read(&text);
        assert!(
            text.starts_with("Root=1-65123456-") && text.ends_with(";Sampled=0"),
            "{text}"
        );
        assert!(sent.root.is_some() && sent.parent.is_some(), "{text}");
        assert_ne!(text, header(None, 0x6512_3456));
    }

    #[test]
    fn a_callers_ids_are_kept_and_nonsense_is_not() {
        let sent = "root=1-5759e988-bd862e3fe1be46a994272793;parent=53995c3f42cd8ad8;sampled=1";
        assert_eq!(
            header(Some(sent), 1),
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        );
        let hostile = header(Some("Root=1-x\r\ny;Parent=\u{fc}"), 1);
        assert!(
            hostile.starts_with("Root=1-00000001-") && hostile.is_ascii(),
            "{hostile}"
        );
    }
}
