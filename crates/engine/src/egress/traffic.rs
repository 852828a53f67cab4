//! What one environment did through connections out of it, since that was last written down.
//!
//! ```text
//! begun ─▶ open ── settle: asked, counted ──▶ open
//!           ├── told that it is gone: counted to the end ──▶ no more
//!           └── settle: cannot be found, and no word comes ──▶ parted ── told ──▶ no more
//! ```
//! The kernel counts; here are sums. An environment that has no connection and had none looks at one flag.

use lambkin_model::NetworkUsage;
use lambkin_sandbox::outbound::{Flow, OpenSockets, Transferred};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Connections of an environment at one time, those included whose last bytes are on their way: as many as a program
/// may have descriptors.
const OPEN_MAX: usize = 1_024;
/// How long the kernel's word of a closed socket is waited for. It takes a thousandth of a second, and tens of them on
/// a machine with more to do than it can. None comes while a program keeps a socket whose connection is broken: that
/// costs it this once, and is on nobody's bill.
const WORD_TIMEOUT: Duration = Duration::from_millis(100);
/// How long one more connection waits for a place. On a busy machine the kernel tells late of the ends.
const ROOM_TIMEOUT: Duration = Duration::from_secs(1);

/// Of one environment.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    stirred: AtomicBool,
    state: Mutex<State>,
    closed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By cookie.
    open: HashMap<u64, Connection>,
    /// Not yet taken.
    sum: NetworkUsage,
}

#[derive(Debug)]
struct Connection {
    flow: Flow,
    /// What is in the sums already.
    counted: Transferred,
    /// Nobody finds it, and nobody has told its end.
    parted: bool,
}

impl Traffic {
    /// Whether one more connection may be made, as soon as it may. The word of those that a program has just closed
    /// may be on its way.
    pub(super) async fn has_room(&self) -> bool {
        let room = async {
            loop {
                let closed = self.closed.notified();
                tokio::pin!(closed);
                closed.as_mut().enable();
                if self.has_room_now() {
                    return;
                }
                closed.await;
            }
        };
        timeout(ROOM_TIMEOUT, room).await.is_ok()
    }

    /// Whether one more may be made now.
    pub(super) fn has_room_now(&self) -> bool {
        self.lock().open.len() < OPEN_MAX
    }

    /// A connection is handed in that is not followed: only its number is known.
    pub(super) fn begun(&self) {
        self.lock().sum.connections += 1;
        self.stirred.store(true, Ordering::Release);
    }

    /// Bytes have gone through, of what the kernel does not count.
    pub(super) fn carried(&self, sent: u64, received: u64) {
        let mut state = self.lock();
        state.sum.sent_bytes += sent;
        state.sum.received_bytes += received;
        drop(state);
        self.stirred.store(true, Ordering::Release);
    }

    /// A connection is handed in whose end will be told.
    pub(super) fn followed(&self, flow: Flow) {
        let connection = Connection {
            flow,
            counted: Transferred::default(),
            parted: false,
        };
        self.lock().open.insert(flow.cookie(), connection);
        self.begun();
    }

    /// A connection is gone, after this; nothing is known of the last of it where that is missing.
    pub(super) fn closed(&self, cookie: u64, transferred: Option<Transferred>) {
        let mut state = self.lock();
        if let Some(transferred) = transferred {
            state.count(cookie, transferred);
        }
        state.open.remove(&cookie);
        drop(state);
        self.closed.notify_waiters();
    }

    /// Whether there is anything to settle.
    pub(crate) fn is_stirred(&self) -> bool {
        self.stirred.load(Ordering::Acquire)
    }

    /// Brings the sums up to this moment. What is lost when it is cancelled is told the next time.
    pub(super) async fn settle(&self, sockets: &OpenSockets) {
        let missing = self.look(sockets);
        if missing.is_empty() || timeout(WORD_TIMEOUT, self.gone(&missing)).await.is_ok() {
            return;
        }
        let mut state = self.lock();
        for cookie in missing {
            if let Some(connection) = state.open.get_mut(&cookie) {
                connection.parted = true;
            }
        }
    }

    /// What came together since the last time.
    pub(crate) fn take(&self) -> NetworkUsage {
        if !self.is_stirred() {
            return NetworkUsage::default();
        }
        let mut state = self.lock();
        self.stirred
            .store(!state.open.is_empty(), Ordering::Release);
        std::mem::take(&mut state.sum)
    }

    /// Counts what is found, and returns the others.
    fn look(&self, sockets: &OpenSockets) -> Vec<u64> {
        let flows = self.lock().flows();
        let Ok(found) = sockets.transferred(&flows) else {
            return Vec::new();
        };
        let mut state = self.lock();
        let mut missing = Vec::new();
        for (flow, transferred) in flows.iter().zip(found) {
            match transferred {
                Some(transferred) => state.count(flow.cookie(), transferred),
                None => missing.push(flow.cookie()),
            }
        }
        missing
    }

    async fn gone(&self, cookies: &[u64]) {
        loop {
            let closed = self.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if !self.has_any(cookies) {
                return;
            }
            closed.await;
        }
    }

    fn has_any(&self, cookies: &[u64]) -> bool {
        let state = self.lock();
        cookies.iter().any(|cookie| state.open.contains_key(cookie))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn flows(&self) -> Vec<Flow> {
        let followed = self.open.values().filter(|connection| !connection.parted);
        followed.map(|connection| connection.flow).collect()
    }

    fn count(&mut self, cookie: u64, now: Transferred) {
        let Some(connection) = self.open.get_mut(&cookie) else {
            return;
        };
        let before = std::mem::replace(&mut connection.counted, now);
        self.sum.sent_bytes += now.sent.saturating_sub(before.sent);
        self.sum.received_bytes += now.received.saturating_sub(before.received);
    }
}
