//! Splits a function's output into lines: at line feeds only, each line bounded.
//!
//! A record of the bootstraps' own (a logger's, a console's, a failure's) is one event whatever lines it has. On AWS
//! such records have a descriptor of their own; here a byte that no text has says that the record goes on.

/// Most bytes of one event: what CloudWatch Logs takes.
const LINE_BYTES_MAX: usize = 256 << 10;

/// Before a line feed: the record has one more line. UTF-8 has no such byte; the bootstraps know it too.
const GOES_ON: u8 = 0xff;

/// The line that is not finished yet.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    /// Hands every finished line to `each`, without its line feed. A longer one than the limit is cut.
    pub(crate) fn split(&mut self, mut bytes: &[u8], mut each: impl FnMut(String)) {
        while !bytes.is_empty() {
            let room = LINE_BYTES_MAX - self.partial.len();
            let window = &bytes[..bytes.len().min(room)];
            let feed = window.iter().position(|byte| *byte == b'\n');
            let line = &window[..feed.unwrap_or(window.len())];
            bytes = &bytes[feed.map_or(line.len(), |at| at + 1)..];
            if feed.is_some() && self.partial.is_empty() && !line.ends_with(&[GOES_ON]) {
                each(text(line));
                continue;
            }
            self.partial.extend_from_slice(line);
            let ends = feed.is_some() && !self.goes_on();
            if ends || self.partial.len() == LINE_BYTES_MAX {
                // What may be a mark is not cut from its line feed.
                let mark = usize::from(self.partial.ends_with(&[GOES_ON]));
                let rest = self.partial.split_off(self.partial.len() - mark);
                each(text(&self.partial));
                self.partial = rest;
            }
        }
    }

    /// Whether the line that just ended is not the last of its record; if so, its end is a line feed as any.
    fn goes_on(&mut self) -> bool {
        match self.partial.last_mut() {
            Some(last) if *last == GOES_ON => {
                *last = b'\n';
                true
            }
            _ => false,
        }
    }

    /// What stands without a line feed so far.
    pub(crate) fn take_partial(&mut self) -> Option<String> {
        let partial = std::mem::take(&mut self.partial);
        (!partial.is_empty()).then(|| text(&partial))
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> (Vec<String>, Option<String>) {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines.split(chunk, |line| out.push(line));
        }
        (out, lines.take_partial())
    }

    #[test]
    fn lines_end_at_line_feeds_wherever_the_reads_fall() {
        let (lines, partial) = split(&[b"a\rb\n\nc", b"d", b"\ne"]);
        assert_eq!(lines, ["a\rb", "", "cd"]);
        assert_eq!(partial.as_deref(), Some("e"));
    }

    #[test]
    fn a_record_of_many_lines_is_one_wherever_the_reads_fall() {
        let (lines, partial) = split(&[b"a\xff\nb\xff", b"\n\xff\nc\nd\n", b"\xff", b"\ne"]);
        assert_eq!(lines, ["a\nb\n\nc", "d"]);
        assert_eq!(partial.as_deref(), Some("\ne"));
    }

    #[test]
    fn a_record_without_end_is_cut_at_the_limit() {
        let (lines, partial) = split(&[&b"y\xff\n".repeat(LINE_BYTES_MAX)]);
        assert!(lines.iter().all(|line| line.len() <= LINE_BYTES_MAX));
        assert_eq!(lines.len(), 2);
        let whole = lines.concat() + &partial.unwrap_or_default();
        assert_eq!(whole, "y\n".repeat(LINE_BYTES_MAX));
    }

    #[test]
    fn a_line_without_end_is_cut_at_the_limit() {
        let (lines, partial) = split(&[&vec![b'x'; LINE_BYTES_MAX - 1], b"yz\n"]);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].len() == LINE_BYTES_MAX && lines[0].ends_with('y'));
        assert_eq!((lines[1].as_str(), partial), ("z", None));
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_log() {
        assert_eq!(split(&[b"\xff\xfe!\n"]).0, ["\u{fffd}\u{fffd}!"]);
    }
}
