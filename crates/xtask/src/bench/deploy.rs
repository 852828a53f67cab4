//! The functions under measurement: one handler in each language, deployed over the server's own API.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use serde_json::{Value, json};

use super::connection::Connection;
use super::packages;
use super::request;
use super::server::Server;

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
        &packages::hello(language)?,
    )?;
    Ok(Function {
        name: name.to_owned(),
        version: None,
    })
}

/// Deploys a package whose `wrapper` starts something else than our bootstrap.
pub(super) fn wrapped(
    server: &Server,
    language: Language,
    name: &str,
    package: &[u8],
) -> anyhow::Result<Function> {
    let mut body = description(language.runtime(), name, 1_769, package);
    body["Environment"] = json!({"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}});
    create_described(server, name, &body)?;
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
        &packages::zip("bootstrap", 0o755, program)?,
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
    let package = packages::slow_imports()?;
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
