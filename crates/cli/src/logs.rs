//! `lambkin logs NAME`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;
use lambkin_wire::admin::LogLine;

use crate::client::LogQuery;
use crate::globals::Globals;
use crate::time;

/// AWS cuts a log event at 256 KB; JSON may write each byte as six.
const LINE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Logs {
    /// Function: its name, name:version, or ARN
    name: String,
    /// Go on with new lines as they come
    #[arg(long, short)]
    follow: bool,
    /// Only lines since then: 30s, 10m, 2h, 7d ago, a date, or a time such as 2026-01-31T10:00:00Z
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only lines of this request
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl Logs {
    pub(crate) async fn run(self, globals: &Globals) -> anyhow::Result<ExitCode> {
        let since = self
            .since
            .as_deref()
            .map(|when| time::since(when, Timestamp::now()));
        let query = LogQuery {
            function: &self.name,
            since_ms: since.transpose().context("--since is not understood")?,
            request_id: self.request_id.as_deref(),
            follow: self.follow,
        };
        let answer = globals.client()?.logs(query).await?;
        print(answer.into_body(), globals.json()).await?;
        if self.follow {
            bail!("the server ended the stream; it was stopped, or the function was deleted");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints lines as they come; what has come is flushed before more is awaited.
async fn print(mut body: Incoming, as_json: bool) -> anyhow::Result<()> {
    let mut pending = BytesMut::new();
    let mut lines = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.context("the connection to the server broke")?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        pending.extend_from_slice(&data);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line = pending.split_to(end + 1);
            write_line(&mut lines, &line, as_json)?;
        }
        ensure!(
            pending.len() <= LINE_BYTES_MAX,
            "the server sent a line over {LINE_BYTES_MAX} bytes"
        );
        let mut out = std::io::stdout().lock();
        out.write_all(&lines)?;
        out.flush()?;
        lines.clear();
    }
    Ok(())
}

/// `line` with its line feed.
fn write_line(lines: &mut Vec<u8>, line: &[u8], as_json: bool) -> anyhow::Result<()> {
    // An empty line may keep a quiet connection alive.
    if line == b"\n" {
        return Ok(());
    }
    if as_json {
        lines.extend_from_slice(line);
        return Ok(());
    }
    let line: LogLine =
        serde_json::from_slice(line).context("the server sent a line that is no log line")?;
    lines.extend_from_slice(line.message.as_bytes());
    lines.push(b'\n');
    Ok(())
}
