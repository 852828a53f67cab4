//! `lambkin functions list`.

use std::io::Write;

use serde_json::Value;

use crate::client::Configuration;
use crate::globals::Globals;
use crate::table::{self, Align};

pub(super) async fn run(globals: &Globals) -> anyhow::Result<()> {
    let functions = globals.client()?.list_functions().await?;
    let text = match globals.json() {
        true => serde_json::to_string(&functions)?,
        false => shown(functions)?,
    };
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}

fn shown(functions: Vec<Value>) -> anyhow::Result<String> {
    let mut table = table::new(&[
        ("NAME", Align::Left),
        ("RUNTIME", Align::Left),
        ("MEMORY MB", Align::Right),
        ("TIMEOUT S", Align::Right),
        ("CODE BYTES", Align::Right),
        ("MODIFIED", Align::Left),
    ]);
    for function in functions {
        let function: Configuration = serde_json::from_value(function)?;
        table.add_row([
            function.function_name,
            function.runtime.unwrap_or_default(),
            function.memory_size.to_string(),
            function.timeout.to_string(),
            function.code_size.to_string(),
            function.last_modified,
        ]);
    }
    Ok(table.trim_fmt())
}
