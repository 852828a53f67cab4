//! `lambkin runtimes list`.

use std::io::Write;

use crate::globals::Globals;
use crate::table::{self, Align};

pub(super) async fn run(globals: &Globals) -> anyhow::Result<()> {
    let runtimes = globals.client()?.runtimes().await?;
    let mut out = std::io::stdout().lock();
    if globals.json() {
        writeln!(out, "{}", serde_json::to_string(&runtimes)?)?;
        return Ok(());
    }
    let mut table = table::new(&[
        ("RUNTIME", Align::Left),
        ("VERSION", Align::Left),
        ("SDK", Align::Left),
        ("PATH", Align::Left),
    ]);
    for line in runtimes {
        let sdk = if line.sdk { "installed" } else { "-" };
        table.add_row([line.runtime, line.version, sdk.to_owned(), line.path]);
    }
    writeln!(out, "{}", table.trim_fmt())?;
    Ok(())
}
