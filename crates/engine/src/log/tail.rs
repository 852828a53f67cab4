//! The last 4 KB of an invoke's log, for the caller that asked for them.

use lambkin_model::Limits;

/// Collects lines and keeps the end.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    /// Adds a line and its line feed.
    pub(crate) fn push(&mut self, line: &str) {
        let line = line.as_bytes();
        let line = &line[line.len().saturating_sub(Limits::LOG_TAIL_BYTES)..];
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        // Cut only now and then, so that many short lines do not move the rest each time.
        if self.bytes.len() > 4 * Limits::LOG_TAIL_BYTES {
            self.cut();
        }
    }

    /// At most the last 4 KB.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.cut();
        self.bytes
    }

    fn cut(&mut self) {
        let surplus = self.bytes.len().saturating_sub(Limits::LOG_TAIL_BYTES);
        self.bytes.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::default();
        for number in 0..10_000 {
            tail.push(&number.to_string());
        }
        tail.push(&"x".repeat(3));
        let bytes = tail.into_bytes();
        assert_eq!(bytes.len(), Limits::LOG_TAIL_BYTES);
        assert!(bytes.ends_with(b"9998\n9999\nxxx\n"));
    }
}
