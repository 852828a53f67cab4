//! The server that `dev` runs on: `lambkin serve` as a child of this process.
//!
//! ```text
//! starting ─▶ ready (GET /health is 200) ─▶ stopping (SIGTERM) ─▶ gone
//!     └────────────┴── ended by itself: its last lines are the error
//! ```
//! What it logs is kept out of sight; warnings are passed on, the rest is shown when it fails.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use lambkin_wire::admin::RuntimeLine;
use lambkin_wire::sigv4::{Credentials, Secret};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::task::JoinHandle;

use crate::client::{self, Client};
use crate::credentials::{self, Keys};
use crate::endpoint::Endpoint;
use crate::terminal::Terminal;
use crate::tool::{Lines, Tail};

use super::template::Place;

/// A start after a crash reads the journal back; a minute means that something is stuck.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const READY_POLL: Duration = Duration::from_millis(10);
/// The server gives running requests 15 s to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// The running server.
pub(super) struct Server {
    child: Child,
    /// The server's stdin, which nobody else holds; to wait for the child would close it.
    _lifeline: ChildStdin,
    /// Ends with the server's stderr, and gives its last lines.
    said: JoinHandle<Tail>,
    endpoint: Endpoint,
    data_dir: PathBuf,
    region: String,
    /// Otherwise whoever answers there is another server.
    port_was_free: bool,
}

impl Server {
    pub(super) fn start(
        listen: SocketAddr,
        data_dir: &Path,
        place: &Place,
        terminal: &Terminal,
    ) -> anyhow::Result<Self> {
        let mut serve = Command::new("/proc/self/exe");
        serve.args([
            "serve",
            "--allow-nearest-runtime",
            "--until-stdin-ends",
            "--region",
            &place.region,
        ]);
        serve
            .arg("--listen")
            .arg(listen.to_string())
            .arg("--data-dir")
            .arg(data_dir);
        let port_was_free = TcpListener::bind(listen).is_ok();
        // Its stdout shows new keys, which dev prints itself. In a process group of its own, Ctrl-C
        // reaches dev alone, which then ends it in order.
        serve
            // Never written to: it ends with this process, however that ends, and the server with it.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        serve.process_group(0).kill_on_drop(true);
        let mut child = serve.spawn().context("cannot start the server")?;
        let lifeline = child.stdin.take().context("the server has no stdin")?;
        let stderr = child.stderr.take().context("the server has no stderr")?;
        let said = tokio::spawn(listen_to(stderr, terminal.clone()));
        Ok(Self {
            child,
            _lifeline: lifeline,
            said,
            endpoint: Endpoint::parse(&format!("http://{}", reachable(listen)))?,
            data_dir: data_dir.to_owned(),
            region: place.region.clone(),
            port_was_free,
        })
    }

    /// Waits until the server takes calls; gives a client of it and the interpreters it found.
    pub(super) async fn ready(&mut self) -> anyhow::Result<(Client, Vec<RuntimeLine>)> {
        let started = Instant::now();
        while !(self.port_was_free && client::is_ready(&self.endpoint).await) {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.last_words(status).await);
            }
            if started.elapsed() > READY_TIMEOUT {
                bail!(
                    "the server was not ready after {} s",
                    READY_TIMEOUT.as_secs()
                );
            }
            tokio::time::sleep(READY_POLL).await;
        }
        self.first_call().await
    }

    async fn first_call(&self) -> anyhow::Result<(Client, Vec<RuntimeLine>)> {
        let client = Client::new(self.endpoint.clone(), self.keys()?, self.region.clone());
        let runtimes = client.runtimes().await?;
        Ok((client, runtimes))
    }

    /// Waits for the server to end by itself, which it should not.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => self.last_words(status).await,
            Err(error) => anyhow!("cannot wait for the server: {error}"),
        }
    }

    /// Lets running requests finish, then ends the server.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self
            .child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let Some(pid) = pid else { return Ok(()) };
        kill_process(pid, Signal::TERM).context("cannot end the server")?;
        match tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await {
            Ok(status) => drop(status.context("cannot wait for the server")?),
            Err(_) => self.child.kill().await.context("cannot kill the server")?,
        }
        Ok(())
    }

    async fn last_words(&mut self, status: ExitStatus) -> anyhow::Error {
        let said = (&mut self.said).await.unwrap_or_default();
        anyhow!("the server ended ({status}):\n{}", said.text().trim_end())
    }

    /// Those that were handed to the server from outside, else those it keeps in its folder.
    fn keys(&self) -> anyhow::Result<Keys> {
        let variable = |name| {
            std::env::var(name)
                .ok()
                .filter(|value: &String| !value.is_empty())
        };
        let names = [
            "LAMBKIN_ROOT_ACCESS_KEY_ID",
            "LAMBKIN_ROOT_SECRET_ACCESS_KEY",
        ];
        if let [Some(access_key_id), Some(secret)] = names.map(variable) {
            return Ok(Keys {
                credentials: Credentials {
                    access_key_id,
                    secret_access_key: Secret::new(secret),
                    session_token: None,
                },
                origin: names[0].to_owned(),
                region: None,
            });
        }
        credentials::from_data_dir(&self.data_dir)?.context(
            "the server keeps no keys in its folder; where lambkin.toml sets them, set LAMBKIN_ROOT_ACCESS_KEY_ID and LAMBKIN_ROOT_SECRET_ACCESS_KEY instead",
        )
    }
}

/// A server on all addresses is reached by the loopback one.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen.ip().is_unspecified() {
        true => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), listen.port()),
        false => listen,
    }
}

async fn listen_to(stderr: ChildStderr, terminal: Terminal) -> Tail {
    let (mut lines, mut tail) = (Lines::new(stderr), Tail::default());
    while let Some(line) = lines.next().await {
        if let Some((_, warning)) = line.split_once(" WARN ") {
            terminal.warn(warning.trim());
        }
        tail.push(line);
    }
    tail
}
