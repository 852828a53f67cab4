//! Runs the tools that build things: pip, npm, cargo. What they say is shown only when they fail.

use std::collections::VecDeque;
use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Longer lines are cut: no tool's message needs more.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// What is kept of a tool's last words.
const TAIL_LINES_MAX: usize = 60;
const CHUNK_BYTES: usize = 16 * 1024;

/// Lines of a stream, each with a limit.
pub(crate) struct Lines<R> {
    from: R,
    pending: Vec<u8>,
    chunk: Box<[u8]>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            pending: Vec::new(),
            chunk: vec![0; CHUNK_BYTES].into(),
        }
    }

    /// The next line without its end; `None` at the end of the stream, or when it breaks.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Some(text(&line));
            }
            let read = self.from.read(&mut self.chunk).await.unwrap_or(0);
            if read == 0 {
                let rest = std::mem::take(&mut self.pending);
                return (!rest.is_empty()).then(|| text(&rest));
            }
            // A cut line goes on being read up to its end, which the next line then begins with.
            let room = LINE_BYTES_MAX.saturating_sub(self.pending.len());
            let kept = match self.chunk[..read].contains(&b'\n') {
                true => read,
                false => read.min(room),
            };
            self.pending.extend_from_slice(&self.chunk[..kept]);
        }
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end_matches(['\n', '\r'])
        .to_owned()
}

/// The last lines of something that said more.
#[derive(Debug, Default)]
pub(crate) struct Tail(VecDeque<String>);

impl Tail {
    pub(crate) fn push(&mut self, line: String) {
        if self.0.len() == TAIL_LINES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }

    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|line| format!("  {line}\n")).collect()
    }
}

/// Runs a tool to its end; `line` sees each line of its stdout.
///
/// Dropping the returned future kills the tool.
pub(crate) async fn run(mut command: Command, mut line: impl FnMut(String)) -> anyhow::Result<()> {
    let shown = shown(&command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (Some(out), Some(err)) = (out, err) else {
        bail!("`{shown}` has no pipes")
    };
    let mut said = Tail::default();
    let (mut out, mut err) = (Lines::new(out), Lines::new(err));
    let read_out = async {
        while let Some(next) = out.next().await {
            line(next);
        }
    };
    let read_err = async {
        while let Some(next) = err.next().await {
            said.push(next);
        }
    };
    let ((), (), status) = tokio::join!(read_out, read_err, child.wait());
    let status = status.with_context(|| format!("cannot wait for `{shown}`"))?;
    match status.success() {
        true => Ok(()),
        false => bail!("`{shown}` failed ({status}):\n{}", said.text().trim_end()),
    }
}

fn shown(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn stdout_is_seen_and_failure_tells_stderr() {
        let mut seen = Vec::new();
        run(sh("printf 'one\\r\\ntwo'"), |line| seen.push(line))
            .await
            .unwrap();
        assert_eq!(seen, ["one", "two"]);
        let error = run(sh("echo reason >&2; exit 3"), drop)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("exit status: 3") && error.ends_with("  reason"),
            "{error}"
        );
        assert!(run(Command::new("/nonexistent"), drop).await.is_err());
    }

    #[tokio::test]
    async fn an_endless_line_is_cut() {
        let long = vec![b'x'; 3 * LINE_BYTES_MAX];
        let mut lines = Lines::new(&long[..]);
        assert_eq!(lines.next().await.unwrap().len(), LINE_BYTES_MAX);
        assert!(lines.next().await.is_none());
    }
}
