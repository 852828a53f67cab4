//! What is deployed and started: the handler in each language, its packages, and small static programs.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use super::deploy::Language;
use crate::stage::command;
use crate::workspace;

pub(super) const PYTHON: &str =
    "def handler(event, context):\n    return {\"ok\": True, \"n\": event[\"n\"]}\n";
pub(super) const NODE: &str = "exports.handler = async (event) => ({ ok: true, n: event.n });\n";
const SLOW_PYTHON: &str = "import time\nimport slow\n\ndef handler(event, context):\n    time.sleep(event.get('seconds', 0))\n    return {'ok': True, 'n': event['n']}\n";
/// Makes its functions while it is imported, as many libraries make their classes: some 400 ms of it, which no cache of
/// compiled code takes away.
const SLOW_MODULE: &str = "for number in range(18_000):\n    exec(f'def f{number}(a, b=None, *c, **d):\\n    return [a + {number} for a in c if a != b] or d\\n')\n";

/// The handler alone.
pub(super) fn hello(language: Language) -> anyhow::Result<Vec<u8>> {
    match language {
        Language::Python => zip("index.py", 0o644, PYTHON.as_bytes()),
        Language::Node => zip("index.js", 0o644, NODE.as_bytes()),
        Language::Rust => zip("bootstrap", 0o755, &std::fs::read(rust_example()?)?),
    }
}

/// A Python handler whose imports cost some hundreds of milliseconds.
pub(super) fn slow_imports() -> anyhow::Result<Vec<u8>> {
    zip_all(&[
        ("index.py", 0o644, SLOW_PYTHON.as_bytes()),
        ("slow.py", 0o644, SLOW_MODULE.as_bytes()),
    ])
}

/// The handler with the official runtime client, whose folders and files lie in `root`. A wrapper starts it in the place
/// of our bootstrap, with the very interpreter that would have run that.
pub(super) fn with_official_client(
    language: Language,
    root: &Path,
    parts: &[&str],
) -> anyhow::Result<Vec<u8>> {
    let (handler, client) = match language {
        Language::Node => (("index.js", NODE), "/var/task/bin/index.mjs"),
        _ => (("index.py", PYTHON), "-m awslambdaric"),
    };
    let wrapper = format!("#!/bin/sh\nexec \"$1\" {client} \"$_HANDLER\"\n");
    let mut files = vec![
        (handler.0.to_owned(), 0o644, handler.1.as_bytes().to_vec()),
        ("wrapper".to_owned(), 0o755, wrapper.into_bytes()),
    ];
    for part in parts {
        for entry in walkdir::WalkDir::new(root.join(part)) {
            let entry = entry?;
            if entry.file_type().is_file() {
                let name = entry.path().strip_prefix(root)?.to_string_lossy();
                files.push((name.into_owned(), 0o755, std::fs::read(entry.path())?));
            }
        }
    }
    let files: Vec<_> = files
        .iter()
        .map(|(name, mode, content)| (name.as_str(), *mode, content.as_slice()))
        .collect();
    zip_all(&files)
}

/// The repository's own Rust example, built once.
pub(super) fn rust_example() -> anyhow::Result<PathBuf> {
    let folder = workspace::root().join("examples/rust-hello");
    let target = workspace::target().join("bench-rust");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(
        Command::new(cargo)
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", &target)
            .args(["build", "--release", "--quiet", "--locked"]),
    )?;
    Ok(target.join("release/rust-hello"))
}

/// A static program that says hello.
pub(super) fn static_hello() -> anyhow::Result<PathBuf> {
    let source = "#include <unistd.h>\nint main(void) { return write(1, \"hello\\n\", 6) != 6; }\n";
    static_program("bench-hello", source)
}

/// A static program that does nothing.
pub(super) fn static_true() -> anyhow::Result<PathBuf> {
    static_program("bench-true", "int main(void) { return 0; }\n")
}

/// A program of one file of C, which needs nothing of the machine's where it runs.
pub(super) fn static_program(name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let program = workspace::target().join(name);
    let source = program.with_extension("c");
    std::fs::write(&source, text)?;
    command(
        Command::new("cc")
            .args(["-O2", "-static", "-o"])
            .arg(&program)
            .arg(&source),
    )?;
    Ok(program)
}

/// A package of one file.
pub(super) fn zip(name: &str, mode: u32, content: &[u8]) -> anyhow::Result<Vec<u8>> {
    zip_all(&[(name, mode, content)])
}

fn zip_all(files: &[(&str, u32, &[u8])]) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, content) in files {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
        archive.start_file(*name, options).context("cannot zip")?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}
