//! AWS's runtime interface emulator with the official runtime client of each language, without a container.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::ensure;

use super::Interpreters;
use super::install::Folders;
use super::running::{Running, free_address};
use crate::bench::connection::Connection;
use crate::bench::deploy::Language;
use crate::bench::ground::Subject;
use crate::bench::packages;

const PATH: &str = "/2015-03-31/functions/function/invocations";
const READY: Duration = Duration::from_secs(10);

/// How one is started for a language.
pub(super) struct Emulator {
    pub(super) language: Language,
    binary: PathBuf,
    /// The runtime client and its arguments.
    client: Vec<PathBuf>,
    /// Of the function's code.
    folder: PathBuf,
    packages: PathBuf,
}

/// One that takes requests; its runtime starts with the first.
pub(in crate::bench) struct Up {
    address: SocketAddr,
    /// Ends it when dropped.
    _running: Running,
}

impl Emulator {
    pub(super) fn of(
        language: Language,
        interpreters: &Interpreters,
        folders: &Folders,
    ) -> anyhow::Result<Self> {
        let folder = folders.project(&format!("emulator-{}", language.word()))?;
        std::fs::write(folder.join("index.py"), packages::PYTHON)?;
        std::fs::write(folder.join("index.js"), packages::NODE)?;
        let client = match language {
            Language::Python => vec![
                interpreters.python.clone(),
                "-m".into(),
                "awslambdaric".into(),
                "index.handler".into(),
            ],
            Language::Node => vec![
                interpreters.node.clone(),
                folders.modules().join("aws-lambda-ric/bin/index.mjs"),
                "index.handler".into(),
            ],
            Language::Rust => vec![packages::rust_example()?],
        };
        Ok(Self {
            language,
            binary: folders.emulator(),
            client,
            folder,
            packages: folders.packages(),
        })
    }

    /// Starts one and waits until it takes requests.
    pub(super) fn up(&self) -> anyhow::Result<(Subject, Up)> {
        let address = free_address()?;
        let mut command = Command::new(&self.binary);
        command
            .current_dir(&self.folder)
            .args(["--runtime-interface-emulator-address", &address.to_string()])
            .args(["--runtime-api-address", &free_address()?.to_string()])
            .args(&self.client)
            .env("LAMBDA_TASK_ROOT", &self.folder)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "60");
        if self.language == Language::Python {
            command.env("PYTHONPATH", &self.packages);
        }
        let mut running = Running::start(&mut command, &self.folder.join("log"))?;
        running.wait_listening(address, READY)?;
        let name = format!("emulator-{}", self.language.word());
        let up = Up {
            address,
            _running: running,
        };
        Ok((Subject::other(&name, up.address, PATH), up))
    }

    /// Milliseconds of the first invoke of one that just came up.
    pub(super) fn first_invoke_ms(&self) -> anyhow::Result<f64> {
        let (subject, up) = self.up()?;
        let Subject::Other { request, .. } = subject else {
            return Ok(0.0);
        };
        let mut connection = Connection::open(up.address)?;
        let start = Instant::now();
        let (status, body) = connection.call(&request)?;
        let took = start.elapsed().as_secs_f64() * 1_000.0;
        ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
        Ok(took)
    }
}
