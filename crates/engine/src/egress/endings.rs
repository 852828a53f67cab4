//! Follows the connections of all environments to their ends.
//!
//! The kernel tells the end of every socket of the machine while somebody listens, so one task does while there is a
//! connection, and for a moment after the last: most functions never make it start.

use super::traffic::Traffic;
use lambkin_sandbox::outbound::{Closed, Closings, Flow, OpenSockets};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How often the task looks whether there is a connection still.
const IDLE: Duration = Duration::from_secs(10);
/// After an error, so that one which stays costs little.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// All connections that are followed.
#[derive(Debug)]
pub(super) struct Endings {
    /// None where the kernel does not tell of sockets.
    sockets: Option<OpenSockets>,
    watch: Mutex<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    /// By cookie. The traffic is its environment's.
    followed: HashMap<u64, (Flow, Weak<Traffic>)>,
    listening: bool,
    /// It was seen that connections can be found.
    works: Option<bool>,
}

impl Endings {
    pub(super) fn new() -> Self {
        let sockets = OpenSockets::open().map_err(|error| complain(&error));
        Self {
            sockets: sockets.ok(),
            watch: Mutex::default(),
        }
    }

    /// Follows a connection from before anybody can close it.
    pub(super) fn follow(self: &Arc<Self>, flow: Flow, traffic: &Arc<Traffic>) {
        let mut watch = self.lock();
        let works = watch.works.unwrap_or_else(|| self.finds(flow));
        watch.works = Some(works);
        if !works {
            return traffic.begun();
        }
        if !watch.listening {
            match Closings::open() {
                Ok(closings) => {
                    watch.listening = true;
                    tokio::spawn(listen(Arc::clone(self), closings));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot count the bytes of a connection");
                    return traffic.begun();
                }
            }
        }
        watch
            .followed
            .insert(flow.cookie(), (flow, Arc::downgrade(traffic)));
        traffic.followed(flow);
    }

    /// Brings an environment's sums up to this moment.
    pub(super) async fn settle(&self, traffic: &Traffic) {
        if let Some(sockets) = &self.sockets {
            traffic.settle(sockets).await;
        }
    }

    /// Tried once, with a socket that is certainly there.
    fn finds(&self, flow: Flow) -> bool {
        let Some(sockets) = &self.sockets else {
            return false;
        };
        match sockets.transferred(&[flow]) {
            Ok(found) if found[0].is_some() => true,
            Ok(_) => {
                complain(&io::ErrorKind::Unsupported.into());
                false
            }
            Err(error) => {
                complain(&error);
                false
            }
        }
    }

    fn close(&self, closed: Closed) {
        let followed = self.lock().followed.remove(&closed.cookie);
        if let Some((_, traffic)) = followed
            && let Some(traffic) = traffic.upgrade()
        {
            traffic.closed(closed.cookie, Some(closed.transferred));
        }
    }

    /// More ended at once than was heard: looks who is left.
    fn look(&self) {
        let flows: Vec<Flow> = self
            .lock()
            .followed
            .values()
            .map(|(flow, _)| *flow)
            .collect();
        let found = self
            .sockets
            .as_ref()
            .map(|sockets| sockets.transferred(&flows));
        let Some(Ok(found)) = found else { return };
        let gone = flows.iter().zip(found).filter(|(_, found)| found.is_none());
        for (flow, _) in gone {
            let followed = self.lock().followed.remove(&flow.cookie());
            if let Some(traffic) = followed.and_then(|(_, traffic)| traffic.upgrade()) {
                traffic.closed(flow.cookie(), None);
            }
        }
    }

    /// Nobody is followed any more, and so nobody listens.
    fn is_over(&self) -> bool {
        let mut watch = self.lock();
        watch
            .followed
            .retain(|_, (_, traffic)| traffic.strong_count() > 0);
        watch.listening = !watch.followed.is_empty();
        !watch.listening
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(endings: Arc<Endings>, mut closings: Closings) {
    let mut look_at = Instant::now() + IDLE;
    loop {
        match timeout_at(look_at, closings.next()).await {
            Ok(Ok(closed)) => endings.close(closed),
            Ok(Err(_)) => {
                endings.look();
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            Err(_) if endings.is_over() => return,
            Err(_) => look_at = Instant::now() + IDLE,
        }
    }
}

fn complain(error: &io::Error) {
    tracing::warn!(
        %error,
        "bytes of functions' connections are not counted: the kernel does not tell of sockets (CONFIG_INET_DIAG, \
         CONFIG_INET_TCP_DIAG, or `modprobe tcp_diag`)"
    );
}
