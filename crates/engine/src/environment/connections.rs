//! The Runtime API connections of one environment: accepted, bounded, and ended with their program.

use super::Environment;
use crate::repolled::repolled;
use crate::runtime_api::{self, CONNECTION, HEAD_BYTES_MAX, SMALL_HEAD_BYTES_MAX, Traffic};
use rustix::net::{SocketFlags, accept_with};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Most connections at once; runtimes use one or two. One more takes the place of the least useful, or waits in
/// the kernel: every environment's share of the descriptors has room for so many.
pub(crate) const CONNECTIONS_MAX: usize = 8;
/// Connections that may bring large heads: as many as runtimes use, or one program could have eight of them in the
/// server's memory.
const WITH_LARGE_HEADS: usize = 2;
/// More than the kernel holds for the listener, so that all are seen which came before a look; a process that
/// outlived its program and connects without end must not keep the look from ending.
const PENDING_MAX: usize = 256;
/// After an error, which is a want of descriptors or memory: asking again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long what a dead program sent is read on: it is all in socket buffers already.
const SETTLE_TIMEOUT: Duration = Duration::from_millis(100);

/// Listens inside the sandbox; each connection has a task of its own.
pub(super) struct Connections {
    listener: TcpListener,
    traffic: Arc<Traffic>,
    tasks: JoinSet<()>,
}

impl Connections {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            traffic: Traffic::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Resolves with a new connection, or with none when an old one has ended. Cancel safe.
    pub(super) async fn change(&mut self) -> Option<TcpStream> {
        let has_room = self.tasks.len() < CONNECTIONS_MAX;
        let accepted = tokio::select! {
            accepted = accept(&self.listener, &self.traffic), if has_room || self.traffic.has_spare() => accepted,
            Some(_) = self.tasks.join_next() => return None,
            () = self.traffic.freed() => return None,
        };
        match accepted {
            Ok(stream) => Some(stream),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a Runtime API connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    /// Serves a connection until it ends or `close` is called, if there is a place for it.
    pub(super) async fn serve(&mut self, environment: &Arc<Environment>, stream: TcpStream) {
        if self.has_place().await {
            while self.tasks.try_join_next().is_some() {}
            let head_bytes_max = match self.tasks.len() < WITH_LARGE_HEADS {
                true => HEAD_BYTES_MAX,
                false => SMALL_HEAD_BYTES_MAX,
            };
            let (environment, link) = (Arc::clone(environment), self.traffic.open());
            let served = runtime_api::serve(environment, link, stream, head_bytes_max);
            self.tasks.spawn(repolled(served));
        }
    }

    async fn has_place(&mut self) -> bool {
        if self.tasks.len() >= CONNECTIONS_MAX && !self.traffic.close_spare() {
            return false;
        }
        while self.tasks.len() >= CONNECTIONS_MAX {
            // It was told to end and has nothing to wait for.
            self.tasks.join_next().await;
        }
        true
    }

    /// Lets the calls that a program made before its end be heard, then closes everything.
    pub(super) async fn settle(&mut self, environment: &Arc<Environment>) {
        for _ in 0..PENDING_MAX {
            let Some(stream) = self.pending() else { break };
            self.serve(environment, stream).await;
        }
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // Connections that a surviving process keeps open end with it.
        let _ = timeout(SETTLE_TIMEOUT, ended).await;
        self.close().await;
    }

    /// Closes every connection, those too that nobody has accepted yet. No task is left when it returns.
    pub(super) async fn close(&mut self) {
        self.tasks.shutdown().await;
        for _ in 0..PENDING_MAX {
            if self.pending().is_none() {
                break;
            }
        }
    }

    /// Asks the kernel, not the reactor, so that none that was made before is missed.
    fn pending(&self) -> Option<TcpStream> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let stream = accept_with(&self.listener, flags).ok()?;
        TcpStream::from_std(stream.into()).ok()
    }
}

/// A flood of connections is taken at its pace; the rest of it waits in the kernel. Cancel safe.
async fn accept(listener: &TcpListener, traffic: &Traffic) -> io::Result<TcpStream> {
    traffic.pace.within().await;
    let (stream, _) = listener.accept().await?;
    traffic.pace.charge(CONNECTION);
    Ok(stream)
}
