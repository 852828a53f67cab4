//! The functions under measurement: one handler in each language, deployed over the server's own API.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};

use super::connection::Connection;
use super::request;
use super::server::Server;
use crate::stage::command;
use crate::workspace;

pub(super) const PYTHON: &str =
    "def handler(event, context):\n    return {\"ok\": True, \"n\": event[\"n\"]}\n";
pub(super) const NODE: &str = "exports.handler = async (event) => ({ ok: true, n: event.n });\n";
const SLOW_PYTHON: &str = "import time\nimport slow\n\ndef handler(event, context):\n    time.sleep(event.get('seconds', 0))\n    return {'ok': True, 'n': event['n']}\n";
/// Compiled at each import, since packages are read-only: some 400 ms of it.
const SLOW_FUNCTIONS: usize = 6_000;
/// Longest wait for a function or version.
const ACTIVE: Duration = Duration::from_secs(60);
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

    /// As the server's runtimes and the figures' names begin.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "nodejs",
            Self::Rust => "rust",
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
    pub(super) name: String,
    version: Option<String>,
}

impl Function {
    /// A signed invoke with the payload of every language.
    pub(super) fn invoke_request(&self, server: &Server) -> anyhow::Result<Vec<u8>> {
        self.request(server, b"{\"n\":1}")
    }

    /// Milliseconds of one invoke over a connection of its own, signed and opened beforehand.
    pub(super) fn timed_invoke_ms(&self, server: &Server) -> anyhow::Result<f64> {
        let request = self.invoke_request(server)?;
        let mut connection = Connection::open(server.address)?;
        let start = Instant::now();
        let (status, body) = connection.call(&request)?;
        let took = start.elapsed().as_secs_f64() * 1_000.0;
        ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
        Ok(took)
    }

    /// A signed invoke.
    pub(super) fn request(&self, server: &Server, event: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut path = format!("{PATH}/{}/invocations", self.name);
        if let Some(version) = &self.version {
            path += &format!("?Qualifier={version}");
        }
        request::signed(server, "POST", &path, event)
    }
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
        name: name.to_owned(),
        version: None,
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
        name: name.to_owned(),
        version: None,
    })
}

/// Whether published versions start from a clone of an initialised environment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SnapStart {
    None,
    PublishedVersions,
}

/// A published version of a Python function whose imports cost some hundreds of milliseconds.
pub(super) fn slow_imports(
    server: &Server,
    name: &str,
    snap_start: SnapStart,
) -> anyhow::Result<Function> {
    let mut slow = String::new();
    for number in 0..SLOW_FUNCTIONS {
        slow += &format!(
            "def f{number}(a, b=None, *c, **d):\n    return [a + {number} for a in c if a != b] or d\n\n"
        );
    }
    let package = zip_all(&[
        ("index.py", 0o644, SLOW_PYTHON.as_bytes()),
        ("slow.py", 0o644, slow.as_bytes()),
    ])?;
    let mut body = description(Language::Python.runtime(), name, 1_769, &package);
    if snap_start == SnapStart::PublishedVersions {
        body["SnapStart"] = json!({"ApplyOn": "PublishedVersions"});
    }
    create_described(server, name, &body)?;
    let published = call(server, "POST", &format!("{PATH}/{name}/versions"), b"{}")?;
    let version = published["Version"]
        .as_str()
        .context("no version")?
        .to_owned();
    let path = format!("{PATH}/{name}/configuration?Qualifier={version}");
    let configuration = wait_active(server, &path)?;
    let optimized = configuration["SnapStart"]["OptimizationStatus"] == "On";
    ensure!(
        optimized == (snap_start == SnapStart::PublishedVersions),
        "the server makes no clones: SnapStart is {}",
        configuration["SnapStart"]
    );
    Ok(Function {
        name: name.to_owned(),
        version: Some(version),
    })
}

fn create(
    server: &Server,
    runtime: &str,
    name: &str,
    memory_mb: u32,
    package: &[u8],
) -> anyhow::Result<()> {
    create_described(
        server,
        name,
        &description(runtime, name, memory_mb, package),
    )
}

fn description(runtime: &str, name: &str, memory_mb: u32, package: &[u8]) -> Value {
    json!({
        "FunctionName": name,
        "Runtime": runtime,
        "Role": "arn:aws:iam::000000000000:role/bench",
        "Handler": "index.handler",
        "MemorySize": memory_mb,
        "Timeout": 60,
        "Code": {"ZipFile": base64::engine::general_purpose::STANDARD.encode(package)},
    })
}

fn create_described(server: &Server, name: &str, body: &Value) -> anyhow::Result<()> {
    call(server, "POST", PATH, &serde_json::to_vec(body)?)?;
    wait_active(server, &format!("{PATH}/{name}/configuration")).map(drop)
}

fn wait_active(server: &Server, path: &str) -> anyhow::Result<Value> {
    let deadline = Instant::now() + ACTIVE;
    while Instant::now() < deadline {
        let configuration = call(server, "GET", path, b"")?;
        if configuration["State"] == "Active" {
            return Ok(configuration);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("{path} is not active after {ACTIVE:?}")
}

/// Deletes a function, so that its environment leaves the machine to the next one.
pub(super) fn delete(server: &Server, name: &str) -> anyhow::Result<()> {
    call(server, "DELETE", &format!("{PATH}/{name}"), b"").map(drop)
}

fn call(server: &Server, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Value> {
    let mut connection = Connection::open(server.address)?;
    let (status, answer) = connection.call(&request::signed(server, method, path, body)?)?;
    ensure!(
        status < 300,
        "{method} {path}: {status}: {}",
        String::from_utf8_lossy(answer)
    );
    if answer.is_empty() {
        Ok(Value::Null)
    } else {
        Ok(serde_json::from_slice(answer)?)
    }
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

fn static_program(name: &str, text: &str) -> anyhow::Result<PathBuf> {
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

fn zip(name: &str, mode: u32, content: &[u8]) -> anyhow::Result<Vec<u8>> {
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
