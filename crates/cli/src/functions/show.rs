//! `lambkin functions show NAME`: every field that the server names.

use std::io::Write;

use anyhow::Context;
use serde_json::Value;

use crate::globals::Globals;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Function: its name, name:version, or ARN
    name: String,
    /// Version
    #[arg(long)]
    qualifier: Option<String>,
}

impl Show {
    pub(super) async fn run(self, globals: &Globals) -> anyhow::Result<()> {
        let client = globals.client()?;
        let body = client
            .get_function_json(&self.name, self.qualifier.as_deref())
            .await?;
        let mut out = std::io::stdout().lock();
        if globals.json() {
            out.write_all(&body)?;
            writeln!(out)?;
            return Ok(());
        }
        let function: Value = serde_json::from_slice(&body).context("the answer is no JSON")?;
        out.write_all(shown(&function).as_bytes())?;
        Ok(())
    }
}

/// One line for each value, named by its path.
fn shown(function: &Value) -> String {
    let mut lines = Vec::new();
    let sections = ["Configuration", "Tags", "Concurrency", "Code"];
    for (section, value) in sections
        .iter()
        .filter_map(|name| Some((*name, function.get(*name)?)))
    {
        let prefix = if section == "Configuration" {
            ""
        } else {
            section
        };
        flatten(prefix, value, &mut lines);
    }
    let width = lines
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    lines
        .iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

fn flatten(name: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() {
                    field.clone()
                } else {
                    format!("{name}.{field}")
                };
                flatten(&name, value, lines);
            }
        }
        Value::Array(values)
            if values
                .iter()
                .all(|value| !value.is_object() && !value.is_array()) =>
        {
            let values: Vec<String> = values.iter().map(scalar).collect();
            lines.push((name.to_owned(), values.join(", ")));
        }
        value => lines.push((name.to_owned(), scalar(value))),
    }
}

fn scalar(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_are_named_by_their_path() {
        let function = serde_json::json!({
            "Code": {"RepositoryType": "S3"},
            "Configuration": {"FunctionName": "f", "Environment": {"Variables": {"A": "1"}}, "Architectures": ["x86_64"]},
        });
        let text = shown(&function);
        let lines: Vec<(&str, &str)> = text
            .lines()
            .filter_map(|line| line.split_once("  "))
            .collect();
        let values: Vec<(&str, &str)> = lines
            .iter()
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        assert!(values.contains(&("FunctionName", "f")));
        assert!(values.contains(&("Environment.Variables.A", "1")));
        assert!(values.contains(&("Architectures", "x86_64")));
        assert_eq!(values.last(), Some(&("Code.RepositoryType", "S3")));
    }
}
