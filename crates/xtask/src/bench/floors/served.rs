//! A floor that serves: this program again in a process of its own, which prints its address and ends with its input.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

/// A running floor; ends with this value, and with the bench however that ends.
pub(super) struct Served {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Served {
    pub(super) fn start(arguments: &[&std::ffi::OsStr]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let address = line.trim().parse();
        Ok(Self {
            child,
            address: address.with_context(|| format!("no address but {line:?}"))?,
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            println!("the floor at {} had ended: {status}", self.address);
        }
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves until the standard input ends.
pub(super) fn until_input_ends(
    serve: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        let ended = tokio::task::spawn_blocking(|| {
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
        });
        tokio::select! {
            served = serve => served,
            _ = ended => Ok(()),
        }
    });
    runtime.shutdown_background();
    done
}
