//! The binary under measurement, in a folder of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::bail;

use super::connection::Connection;
use crate::workspace;

const ACCESS_KEY_ID: &str = "AKIABENCHBENCHBENCH0";
const SECRET_ACCESS_KEY: &str = "bench-secret-that-opens-nothing-else-000";
const READY: Duration = Duration::from_secs(20);
/// Switches the pools of sandboxes made ahead off, in a binary that has them.
const NO_POOL: [&str; 2] = ["--pool-memory-mib", "0"];

/// How a server is started.
#[derive(Clone, Copy)]
pub(super) struct Setup<'a> {
    pub(super) binary: &'a Path,
    /// Of its folder: servers of different names run side by side.
    pub(super) name: &'a str,
    pub(super) user: User,
    pub(super) arguments: &'a [&'a str],
}

pub(super) struct Server {
    child: Child,
    folder: PathBuf,
    pub(super) address: SocketAddr,
}

impl Server {
    pub(super) fn start(setup: Setup<'_>) -> anyhow::Result<Self> {
        let folder = workspace::target().join("bench-server").join(setup.name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = spawn(&folder, address, setup)?;
        let server = Self {
            child,
            folder,
            address,
        };
        server.wait_ready()?;
        Ok(server)
    }

    /// One that makes every sandbox when it is asked for; nothing if the binary has no pools to switch off.
    pub(super) fn start_without_pool(binary: &Path) -> anyhow::Result<Option<Self>> {
        let help = Command::new(binary).args(["serve", "--help"]).output()?;
        if !String::from_utf8_lossy(&help.stdout).contains(NO_POOL[0]) {
            return Ok(None);
        }
        let setup = Setup {
            binary,
            name: "pool-less",
            user: User::Starting,
            arguments: &NO_POOL,
        };
        Self::start(setup).map(Some)
    }

    fn wait_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY;
        let request = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        while Instant::now() < deadline {
            let answer = Connection::open(self.address)
                .and_then(|mut connection| Ok(connection.call(request.as_bytes())?.0));
            if answer.is_ok_and(|status| status == 200) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!(
            "not ready after {READY:?}; see {}",
            self.folder.join("log").display()
        )
    }

    /// The server's process id, whose descendants are the sandboxes.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn keys(&self) -> (&'static str, &'static str) {
        (ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    }
}

/// Who starts the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// Whoever runs the bench.
    Starting,
    /// One without any rights.
    Ordinary,
}

/// Of the user without any rights: nobody's.
const ORDINARY: u32 = 65_534;

impl User {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Starting => "as it was started",
            Self::Ordinary => "as an ordinary user",
        }
    }

    fn command(self, program: &Path) -> Command {
        let mut command = match self {
            Self::Starting => return Command::new(program),
            Self::Ordinary => Command::new("setpriv"),
        };
        command
            .args([format!("--reuid={ORDINARY}"), format!("--regid={ORDINARY}")])
            .arg("--clear-groups")
            .arg(program);
        command
    }
}

fn spawn(folder: &Path, address: SocketAddr, setup: Setup<'_>) -> anyhow::Result<Child> {
    let log = std::fs::File::create(folder.join("log"))?;
    if setup.user == User::Ordinary {
        std::os::unix::fs::chown(folder, Some(ORDINARY), Some(ORDINARY))?;
    }
    let child = setup
        .user
        .command(setup.binary)
        .args([
            "serve",
            "--allow-nearest-runtime",
            "--listen",
            &address.to_string(),
        ])
        .args(setup.arguments)
        .arg("--data-dir")
        .arg(folder.join("data"))
        .env("LAMBKIN_MASTER_KEY_FILE", folder.join("master.key"))
        .env("LAMBKIN_ROOT_ACCESS_KEY_ID", ACCESS_KEY_ID)
        .env("LAMBKIN_ROOT_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    Ok(child)
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, so that the server drains and its sandboxes go with it.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
    }
}
