//! Rust: `cargo build --release` in the source folder; its binary is the function's `bootstrap`.

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::Value;
use tokio::process::Command;

use crate::tool;

/// Builds and gives the path of the binary: the only one, or the named one.
pub(super) async fn build(root: &Path, binary: Option<&str>) -> anyhow::Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--release",
        "--message-format",
        "json-render-diagnostics",
    ]);
    if let Some(name) = binary {
        cargo.args(["--bin", name]);
    }
    cargo.current_dir(root);
    let mut built = Vec::new();
    let ran = tool::run(cargo, |line| built.extend(binary_of(&line))).await;
    ran.map_err(|error| match error.is::<std::io::Error>() {
        true => error.context("there is no cargo; https://rustup.rs tells how to install it"),
        false => error,
    })?;
    match &built[..] {
        [(_, path)] => Ok(path.clone()),
        [] => bail!("{} has no binary", root.display()),
        many => {
            let names: Vec<&str> = many.iter().map(|(name, _)| name.as_str()).collect();
            bail!(
                "{} has several binaries; name one of {} in Metadata.BuildProperties.Binary",
                root.display(),
                names.join(", ")
            )
        }
    }
}

/// Name and path of a binary, if a line of cargo's tells that one is there.
fn binary_of(line: &str) -> Option<(String, PathBuf)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_binary = message["target"]["kind"]
        .as_array()?
        .iter()
        .any(|kind| kind == "bin");
    let path = message["executable"].as_str().filter(|_| is_binary)?;
    Some((message["target"]["name"].as_str()?.to_owned(), path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_told_from_other_messages() {
        let line = r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"one"},"executable":"/t/one"}"#;
        assert_eq!(binary_of(line), Some(("one".into(), "/t/one".into())));
        for line in [
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"l"},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["test"],"name":"l"},"executable":"/t/l"}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "not JSON",
        ] {
            assert_eq!(binary_of(line), None, "{line}");
        }
    }
}
