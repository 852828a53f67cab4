//! `lambkin invoke NAME`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::{Answered, Invocation};
use crate::globals::Globals;

/// AWS's limit for a request that waits for its answer, and a little more so that the server is the one
/// to refuse it.
const PAYLOAD_BYTES_MAX: u64 = 6_291_456 + 1024;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Invoke {
    /// Function: its name, name:qualifier, or ARN
    name: String,
    /// Event, as JSON [default: {}]
    #[arg(long, short, value_name = "JSON", conflicts_with = "payload_file")]
    payload: Option<String>,
    /// File that holds the event; - reads stdin
    #[arg(long, value_name = "FILE")]
    payload_file: Option<PathBuf>,
    /// Version or alias
    #[arg(long)]
    qualifier: Option<String>,
    /// Client context, as JSON
    #[arg(long, value_name = "JSON")]
    client_context: Option<String>,
}

impl Invoke {
    pub(crate) async fn run(self, globals: &Globals) -> anyhow::Result<ExitCode> {
        let client = globals.client()?;
        let invocation = Invocation {
            function: &self.name,
            qualifier: self.qualifier.as_deref(),
            payload: self.payload()?,
            client_context: self.client_context.as_deref(),
        };
        let answered = client.invoke(invocation).await?;
        match globals.json() {
            true => print_json(&answered)?,
            false => print_text(&answered)?,
        }
        Ok(match answered.function_error {
            Some(_) => ExitCode::FAILURE,
            None => ExitCode::SUCCESS,
        })
    }

    fn payload(&self) -> anyhow::Result<Bytes> {
        match (&self.payload, &self.payload_file) {
            (Some(json), _) => Ok(json.clone().into()),
            (None, Some(path)) if path == Path::new("-") => read(std::io::stdin(), "stdin"),
            (None, Some(path)) => {
                let shown = path.display().to_string();
                let file =
                    std::fs::File::open(path).with_context(|| format!("cannot open {shown}"))?;
                read(file, &shown)
            }
            (None, None) => Ok(Bytes::new()),
        }
    }
}

fn read(from: impl Read, shown: &str) -> anyhow::Result<Bytes> {
    let mut payload = Vec::new();
    let mut from = from.take(PAYLOAD_BYTES_MAX + 1);
    from.read_to_end(&mut payload)
        .with_context(|| format!("cannot read {shown}"))?;
    ensure!(
        payload.len() as u64 <= PAYLOAD_BYTES_MAX,
        "{shown} is over 6 MB, which no invoke takes"
    );
    Ok(payload.into())
}

fn print_text(answered: &Answered) -> anyhow::Result<()> {
    let mut err = std::io::stderr().lock();
    // The answer counts, also when nobody reads the log.
    let _ = err.write_all(answered.log.as_bytes());
    let mut out = std::io::stdout().lock();
    out.write_all(&answered.payload)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// In AWS's own words.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Printed<'a> {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    executed_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'a str>,
    payload: Payload<'a>,
    log_result: &'a str,
}

/// A payload that is no JSON is printed as text.
#[derive(Serialize)]
#[serde(untagged)]
enum Payload<'a> {
    Json(&'a RawValue),
    Text(Value),
}

fn print_json(answered: &Answered) -> anyhow::Result<()> {
    let payload = match serde_json::from_slice(&answered.payload) {
        Ok(json) => Payload::Json(json),
        Err(_) => Payload::Text(String::from_utf8_lossy(&answered.payload).into()),
    };
    let printed = Printed {
        status_code: answered.status,
        request_id: answered.request_id.as_deref(),
        executed_version: answered.executed_version.as_deref(),
        function_error: answered.function_error.as_deref(),
        payload,
        log_result: &answered.log,
    };
    let mut line = serde_json::to_vec(&printed)?;
    line.push(b'\n');
    std::io::stdout().write_all(&line)?;
    Ok(())
}
