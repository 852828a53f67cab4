//! The server: accepts a bounded number of connections, and drains them at shutdown.
//!
//! ```text
//! new -> run: starting (/health 503) -- Handle::ready --> ready (/health 200) -- shutdown --> draining -> done
//! ```

use crate::auth::Keys;
use crate::body::Budget;
use crate::config::{Config, Limits};
use crate::credentials::Credentials;
use crate::error::Error;
use crate::listener::{BindError, Listener};
use crate::memory::Memory;
use crate::pipeline::Client;
use crate::strangers::{Standing, Strangers};
use crate::{connection, head, pipeline};
use lambkin_engine::{Engine, repolled};
use lambkin_model::PriceTable;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pause after a failed accept (no descriptors left): the condition passes only when others close.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How long a client that was told to go may take: it has nothing to wait for.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Between two lines of the log about what any client can cause.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) prices: PriceTable,
    pub(crate) rules: head::Rules,
    pub(crate) keys: Keys,
    pub(crate) bodies: Arc<Budget>,
    /// Places for clients that follow logs.
    pub(crate) followers: Arc<Semaphore>,
    /// Cancelled when the server is asked to end.
    pub(crate) drain: CancellationToken,
    engine: OnceLock<Engine>,
}

impl Shared {
    /// What serves requests, once it is there.
    pub(crate) fn engine(&self) -> Result<&Engine, Error> {
        self.engine.get().ok_or(Error::NotReady)
    }
}

/// A server that listens: clients may connect and are answered once `run` is called.
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
    /// From now on requests are served and `/health` answers 200. Counts once.
    pub fn ready(&self, engine: Engine) {
        if self.shared.engine.set(engine).is_err() {
            tracing::warn!("the server was ready already");
        }
    }
}

impl Server {
    /// Listens. Needs a runtime.
    pub fn new(
        listener: Listener,
        config: Config,
        credentials: Credentials,
    ) -> Result<Self, BindError> {
        let address = listener.address();
        let Config {
            allow_hosts,
            prices,
            limits,
        } = config;
        let shared = Shared {
            rules: head::Rules::new(
                address,
                &allow_hosts,
                limits.head_lines_max,
                limits.head_bytes_max,
            ),
            keys: Keys::new(credentials),
            bodies: Budget::new(limits.bodies_bytes_max),
            followers: Arc::new(Semaphore::new(limits.log_followers_max)),
            drain: CancellationToken::new(),
            engine: OnceLock::new(),
            prices,
            limits,
        };
        Ok(Self {
            listener: listener.listen()?,
            address,
            shared: Arc::new(shared),
        })
    }

    /// The address that was bound.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The handle by which the server learns that it is ready.
    pub fn handle(&self) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Serves until `shutdown` completes, then lets open requests finish within the drain time.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let connections = TaskTracker::new();
        tokio::select! {
            () = self.accept(&connections) => {}
            () = shutdown => {}
        }
        drop(self.listener);
        self.shared.drain.cancel();
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

    async fn accept(&self, connections: &TaskTracker) {
        let slots = Arc::new(Semaphore::new(self.shared.limits.connections_max));
        let strangers = Arc::new(Strangers::default());
        let builder = Arc::new(connection::builder(&self.shared.limits));
        let mut complaints = Complaints::default();
        loop {
            let (stream, address) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    complaints.say(|| tracing::warn!(%error, "cannot accept a connection"));
                    strangers.send_one_away();
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(slot) = place(&slots, &strangers).await else {
                complaints.say(|| tracing::warn!("connection refused: connections_max reached"));
                continue;
            };
            let (shared, builder) = (Arc::clone(&self.shared), Arc::clone(&builder));
            let standing = strangers.arrive(address.ip());
            connections.spawn(async move {
                let _slot = slot;
                repolled(serve(stream, &builder, shared, standing)).await;
            });
        }
    }
}

/// A place, if need be that of a client that has signed nothing.
async fn place(slots: &Arc<Semaphore>, strangers: &Strangers) -> Option<OwnedSemaphorePermit> {
    if let Ok(slot) = Arc::clone(slots).try_acquire_owned() {
        return Some(slot);
    }
    if !strangers.send_one_away() {
        return None;
    }
    let slot = timeout(LEAVE_TIMEOUT, Arc::clone(slots).acquire_owned()).await;
    slot.ok()?.ok()
}

/// What clients can cause is told now and then, not each time.
#[derive(Default)]
struct Complaints(Option<Instant>);

impl Complaints {
    fn say(&mut self, tell: impl FnOnce()) {
        let now = Instant::now();
        if self.0.is_none_or(|last| now - last >= COMPLAINT_PAUSE) {
            self.0 = Some(now);
            tell();
        }
    }
}

async fn serve(
    stream: TcpStream,
    builder: &hyper_util::server::conn::auto::Builder<hyper_util::rt::TokioExecutor>,
    shared: Arc<Shared>,
    standing: Standing,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let client = Arc::new(Client {
        standing,
        memory: Memory::default(),
    });
    let standing = &client.standing;
    let answer = |request| pipeline::answer(Arc::clone(&shared), Arc::clone(&client), request);
    let (limits, drain) = (&shared.limits, &shared.drain);
    connection::serve(stream, standing, builder, limits, drain, answer).await;
}
