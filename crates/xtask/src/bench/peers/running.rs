//! A peer's process with everything that it starts: waited for, and ended as a whole.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::bench::processes::{family, signal};

/// Between a kind word and a kill.
const GRACE: Duration = Duration::from_secs(2);

/// Ends with this value.
pub(super) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// What it says goes to `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self {
            child,
            log: log.to_path_buf(),
        })
    }

    /// Until something takes connections at the address.
    pub(super) fn wait_listening(
        &mut self,
        address: SocketAddr,
        patience: Duration,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("ended with {status}; see {}", self.log.display());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bail!(
            "listens nowhere after {patience:?}; see {}",
            self.log.display()
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever it started is found before it ends: afterwards they are nobody's children.
        let family = family(self.child.id());
        signal("TERM", &[self.child.id()]);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        signal("KILL", &family);
        let _ = self.child.wait();
    }
}

/// A loopback address that nobody listens at.
pub(super) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
