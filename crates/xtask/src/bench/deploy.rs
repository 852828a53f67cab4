//! The functions under measurement: one handler in each language, deployed over the server's own API.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use base64::Engine as _;
use serde_json::json;

use super::connection::Connection;
use super::request;
use super::server::Server;
use crate::stage::command;
use crate::workspace;

const PYTHON: &str =
    "def handler(event, context):\n    return {\"ok\": True, \"n\": event[\"n\"]}\n";
const NODE: &str = "exports.handler = async (event) => ({ ok: true, n: event.n });\n";
const PATH: &str = "/2015-03-31/functions";

/// What a function is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
    Rust,
}

impl Language {
    pub(super) const ALL: [Self; 3] = [Self::Python, Self::Node, Self::Rust];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "nodejs",
            Self::Rust => "rust",
        }
    }

    pub(super) fn floor_name(self) -> &'static str {
        match self {
            Self::Python => "python3 -c pass",
            Self::Node => "node -e 0",
            Self::Rust => "fork and exec of a static program",
        }
    }

    pub(super) fn runtime(self) -> &'static str {
        match self {
            Self::Python => "python3.11",
            Self::Node => "nodejs20.x",
            Self::Rust => "provided.al2023",
        }
    }

    fn package(self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Python => zip("index.py", 0o644, PYTHON.as_bytes()),
            Self::Node => zip("index.js", 0o644, NODE.as_bytes()),
            Self::Rust => zip("bootstrap", 0o755, &std::fs::read(rust_example()?)?),
        }
    }
}

/// A deployed function.
pub(super) struct Function {
    pub(super) label: String,
    name: String,
}

impl Function {
    /// A signed invoke with the payload of every language.
    pub(super) fn invoke_request(&self, server: &Server) -> anyhow::Result<Vec<u8>> {
        self.request(server, b"{\"n\":1}")
    }

    /// A signed invoke.
    pub(super) fn request(&self, server: &Server, event: &[u8]) -> anyhow::Result<Vec<u8>> {
        let path = format!("{PATH}/{}/invocations", self.name);
        request::signed(server, "POST", &path, event)
    }
}

/// Every language at full and at small memory, for the warm rounds.
pub(super) fn functions(server: &Server) -> anyhow::Result<Vec<Function>> {
    let mut functions = Vec::new();
    for language in Language::ALL {
        for memory_mb in [1_769, 128] {
            let name = format!("warm-{}-{memory_mb}", language.name());
            functions.push(function(server, language, &name, memory_mb)?);
        }
    }
    Ok(functions)
}

/// Deploys one function and waits until it is active.
pub(super) fn function(
    server: &Server,
    language: Language,
    name: &str,
    memory_mb: u32,
) -> anyhow::Result<Function> {
    create(
        server,
        language.runtime(),
        name,
        memory_mb,
        &language.package()?,
    )?;
    Ok(Function {
        label: format!("{} {memory_mb} MB", language.name()),
        name: name.to_owned(),
    })
}

/// Deploys a static program that is its own runtime.
pub(super) fn program(
    server: &Server,
    name: &str,
    program: &[u8],
    memory_mb: u32,
) -> anyhow::Result<Function> {
    let runtime = Language::Rust.runtime();
    create(
        server,
        runtime,
        name,
        memory_mb,
        &zip("bootstrap", 0o755, program)?,
    )?;
    Ok(Function {
        label: format!("{name} {memory_mb} MB"),
        name: name.to_owned(),
    })
}

fn create(
    server: &Server,
    runtime: &str,
    name: &str,
    memory_mb: u32,
    package: &[u8],
) -> anyhow::Result<()> {
    let body = json!({
        "FunctionName": name,
        "Runtime": runtime,
        "Role": "arn:aws:iam::000000000000:role/bench",
        "Handler": "index.handler",
        "MemorySize": memory_mb,
        "Timeout": 60,
        "Code": {"ZipFile": base64::engine::general_purpose::STANDARD.encode(package)},
    });
    call(server, "POST", PATH, &serde_json::to_vec(&body)?)?;
    let path = format!("{PATH}/{name}/configuration");
    while call(server, "GET", &path, b"")?["State"] != "Active" {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Ok(())
}

/// Deletes a function, so that its environment leaves the machine to the next one.
pub(super) fn delete(server: &Server, name: &str) -> anyhow::Result<()> {
    call(server, "DELETE", &format!("{PATH}/{name}"), b"").map(drop)
}

fn call(
    server: &Server,
    method: &str,
    path: &str,
    body: &[u8],
) -> anyhow::Result<serde_json::Value> {
    let mut connection = Connection::open(server.address)?;
    let (status, answer) = connection.call(&request::signed(server, method, path, body)?)?;
    ensure!(
        status < 300,
        "{method} {path}: {status}: {}",
        String::from_utf8_lossy(answer)
    );
    if answer.is_empty() {
        Ok(serde_json::Value::Null)
    } else {
        Ok(serde_json::from_slice(answer)?)
    }
}

/// The repository's own Rust example, built once.
fn rust_example() -> anyhow::Result<PathBuf> {
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

/// A static program that does nothing.
pub(super) fn static_true() -> anyhow::Result<PathBuf> {
    let program = workspace::target().join("bench-true");
    let source = program.with_extension("c");
    std::fs::write(&source, "int main(void) { return 0; }\n")?;
    command(
        Command::new("cc")
            .args(["-O2", "-static", "-o"])
            .arg(&program)
            .arg(&source),
    )?;
    Ok(program)
}

fn zip(name: &str, mode: u32, content: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(mode);
    archive.start_file(name, options).context("cannot zip")?;
    archive.write_all(content)?;
    Ok(archive.finish()?.into_inner())
}
