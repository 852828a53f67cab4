//! Splits a function's output into lines: at line feeds only, each line bounded.

/// Most bytes of one event: what CloudWatch Logs takes.
const LINE_BYTES_MAX: usize = 256 << 10;

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
            let (line, rest, ends) = match window.iter().position(|byte| *byte == b'\n') {
                Some(at) => (&bytes[..at], &bytes[at + 1..], true),
                None => (window, &bytes[window.len()..], window.len() == room),
            };
            if ends && self.partial.is_empty() {
                each(text(line));
            } else {
                self.partial.extend_from_slice(line);
                if ends {
                    each(text(&self.partial));
                    self.partial.clear();
                }
            }
            bytes = rest;
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
