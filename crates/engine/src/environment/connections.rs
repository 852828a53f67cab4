//! The Runtime API connections of one environment: accepted, bounded, and ended with their program.

use super::Environment;
use crate::runtime_api;
use rustix::net::{SocketFlags, accept_with};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Most connections at once; runtimes use one or two. More wait in the kernel: the descriptors are shared by all
/// environments.
const CONNECTIONS_MAX: usize = 16;
/// After an error, which is a want of descriptors or memory: asking again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long what a dead program sent is read on: it is all in socket buffers already.
const SETTLE_TIMEOUT: Duration = Duration::from_millis(100);

/// Listens inside the sandbox; each connection has a task of its own.
pub(super) struct Connections {
    listener: TcpListener,
    tasks: JoinSet<()>,
}

impl Connections {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            tasks: JoinSet::new(),
        }
    }

    /// Resolves with a new connection, or with none when an old one has ended. Cancel safe.
    pub(super) async fn change(&mut self) -> Option<TcpStream> {
        let accepted = tokio::select! {
            accepted = self.listener.accept(), if self.tasks.len() < CONNECTIONS_MAX => accepted,
            Some(_) = self.tasks.join_next() => return None,
        };
        match accepted {
            Ok((stream, _)) => Some(stream),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a Runtime API connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    /// Serves a connection until it ends or `close` is called.
    pub(super) fn serve(&mut self, environment: &Arc<Environment>, stream: TcpStream) {
        self.tasks
            .spawn(runtime_api::serve(Arc::clone(environment), stream));
    }

    /// Lets the calls that a program made before its end be heard, then closes everything.
    pub(super) async fn settle(&mut self, environment: &Arc<Environment>) {
        while let Some(stream) = self.pending() {
            if self.tasks.len() < CONNECTIONS_MAX {
                self.serve(environment, stream);
            }
        }
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        // Connections that a surviving process keeps open end with it.
        let _ = timeout(SETTLE_TIMEOUT, ended).await;
        self.close().await;
    }

    /// Closes every connection, those too that nobody has accepted yet. No task is left when it returns.
    pub(super) async fn close(&mut self) {
        self.tasks.shutdown().await;
        while self.pending().is_some() {}
    }

    /// Asks the kernel, not the reactor, so that none that was made before is missed.
    fn pending(&self) -> Option<TcpStream> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let stream = accept_with(&self.listener, flags).ok()?;
        TcpStream::from_std(stream.into()).ok()
    }
}
