//! The block of exports that points AWS's clients at the server. Printed once, to stdout.

use std::fmt::Write;
use std::io;

use crate::client::Client;
use crate::terminal::{Style, Terminal};

pub(super) fn print(terminal: &Terminal, client: &Client, as_json: bool) -> io::Result<()> {
    let exports = client.exports();
    if as_json {
        let exports: serde_json::Map<String, serde_json::Value> = exports
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .collect();
        return terminal.line(serde_json::json!({ "exports": exports }));
    }
    let mut block = String::new();
    for (name, value) in &exports {
        // Writing to a String cannot fail.
        let _ = write!(block, "\nexport {name}={value}");
    }
    let heading = terminal.paint(Style::Heading, "For the AWS CLI, boto3, SAM and the like:");
    terminal.line(format_args!("{heading}{block}\n"))
}
