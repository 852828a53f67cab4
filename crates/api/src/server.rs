//! The listener: binds, accepts a bounded number of connections, and drains them at shutdown.
//!
//! ```text
//! bind -> run: starting (/health 503) -- Handle::ready --> ready (/health 200) -- shutdown --> draining -> done
//! ```

use crate::config::{Config, Limits};
use crate::{connection, head, port, response};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use response::Body;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections that the kernel completes for us before we accept them; beyond it clients wait.
const BACKLOG: u32 = 4_096;

/// Pause after a failed accept (no descriptors left): the condition passes only when others close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process has the port.
    #[error("{address} is in use{}; stop it or choose another address with --listen", by(.holder))]
    InUse {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// The process that listens there, as far as we may see it.
        holder: Option<String>,
    },
    /// The system refuses for another reason.
    #[error("cannot listen on {address}: {source}")]
    Io {
        /// Where we wanted to listen.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

fn by(holder: &Option<String>) -> String {
    holder
        .as_ref()
        .map(|holder| format!(" by {holder}"))
        .unwrap_or_default()
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) rules: head::Rules,
    pub(crate) ready: AtomicBool,
}

/// A bound server that has not served yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Tells a running server that what it serves is there.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// From now on requests are served and `/health` answers 200.
    pub fn ready(&self) {
        self.shared.ready.store(true, Ordering::Release);
    }
}

impl Server {
    /// Binds the address; clients may connect from now on and are answered once `run` is called.
    pub fn bind(config: Config) -> Result<Self, BindError> {
        let listener = listen(config.listen).map_err(|source| refusal(config.listen, source))?;
        let address = listener.local_addr().unwrap_or(config.listen);
        let rules = head::Rules::new(address, &config.allow_hosts, config.limits.head_lines_max);
        let shared = Shared {
            rules,
            limits: config.limits,
            ready: AtomicBool::new(false),
        };
        Ok(Self {
            listener,
            address,
            shared: Arc::new(shared),
        })
    }

    /// The address that was bound, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The handle by which the server learns that it is ready.
    pub fn handle(&self) -> Handle {
        Handle {
            shared: self.shared.clone(),
        }
    }

    /// Serves until `shutdown` completes, then lets open requests finish within the drain time.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let connections = TaskTracker::new();
        let drain = CancellationToken::new();
        tokio::select! {
            () = self.accept(&connections, &drain) => {}
            () = shutdown => {}
        }
        drop(self.listener);
        drain.cancel();
        connections.close();
        if timeout(self.shared.limits.drain_timeout, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                open = connections.len(),
                "requests were cut off at shutdown"
            );
        }
    }

    async fn accept(&self, connections: &TaskTracker, drain: &CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.shared.limits.connections_max));
        let builder = Arc::new(connection::builder(&self.shared.limits));
        loop {
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(slot) = slots.clone().try_acquire_owned() else {
                tracing::warn!("connection refused: connections_max reached");
                continue;
            };
            let (shared, builder, drain) = (self.shared.clone(), builder.clone(), drain.clone());
            connections.spawn(async move {
                let _slot = slot;
                serve(stream, &builder, shared, drain).await;
            });
        }
    }
}

async fn serve(
    stream: TcpStream,
    builder: &hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>,
    shared: Arc<Shared>,
    drain: CancellationToken,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let answer = |request| answer(shared.clone(), request);
    connection::serve(stream, builder, &shared.limits, drain, answer).await;
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    if request.method() == Method::GET && request.uri().path() == "/health" {
        return health(shared.ready.load(Ordering::Acquire));
    }
    response::empty(StatusCode::SERVICE_UNAVAILABLE)
}

fn health(ready: bool) -> Response<Body> {
    let (status, text) = match ready {
        true => (StatusCode::OK, r#"{"status":"ready"}"#),
        false => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"starting"}"#),
    };
    response::whole(status, response::JSON, text)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn refusal(address: SocketAddr, source: io::Error) -> BindError {
    match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse {
            address,
            holder: port::holder(address.port()),
        },
        _ => BindError::Io { address, source },
    }
}
