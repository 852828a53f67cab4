//! Clients that have not signed anything yet: who of them goes when places are short, and how long they stay.
//!
//! ```text
//! accepted ── stranger ── a right signature ──▶ known: leaves as it likes
//!                │
//!                ├── no head in head_timeout, no signature in head_timeout and body_timeout ──▶ closed
//!                └── places are short ──▶ of the oldest, one of whoever has most of them ──▶ closed
//! ```
//! A signed call needs milliseconds to become known, so it passes however many others idle. Refuses: what a
//! right signature is (`auth`), and counting places (`server`).

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many of the oldest are looked at for one that goes: enough to tell a crowd from one client.
const LOOK_AT: usize = 64;

/// All strangers of the server.
#[derive(Default)]
pub(crate) struct Strangers {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// By the order of their coming.
    by_age: BTreeMap<u64, Stranger>,
    per_client: HashMap<IpAddr, usize>,
    next: u64,
}

struct Stranger {
    client: IpAddr,
    leave: Arc<Notify>,
}

/// One connection's standing.
pub(crate) struct Standing {
    strangers: Arc<Strangers>,
    number: u64,
    pub(crate) since: Instant,
    known: AtomicBool,
    leave: Arc<Notify>,
}

impl Strangers {
    /// Somebody came.
    pub(crate) fn arrive(self: &Arc<Self>, address: IpAddr) -> Standing {
        let (client, leave) = (client(address), Arc::new(Notify::new()));
        let mut waiting = self.lock();
        let number = waiting.next;
        waiting.next += 1;
        *waiting.per_client.entry(client).or_default() += 1;
        let stranger = Stranger {
            client,
            leave: Arc::clone(&leave),
        };
        waiting.by_age.insert(number, stranger);
        drop(waiting);
        Standing {
            strangers: Arc::clone(self),
            number,
            since: Instant::now(),
            known: AtomicBool::new(false),
            leave,
        }
    }

    /// Tells one to go; false if everybody is known.
    pub(crate) fn send_one_away(&self) -> bool {
        let mut waiting = self.lock();
        let leaving = waiting
            .by_age
            .iter()
            .take(LOOK_AT)
            // The last of equals would win, and the oldest is to go.
            .rev()
            .max_by_key(|(_, stranger)| waiting.per_client.get(&stranger.client))
            .map(|(number, _)| *number);
        let gone = leaving.and_then(|number| waiting.remove(number));
        gone.map(|stranger| stranger.leave.notify_one()).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn remove(&mut self, number: u64) -> Option<Stranger> {
        let stranger = self.by_age.remove(&number)?;
        if let Some(count) = self.per_client.get_mut(&stranger.client) {
            *count -= 1;
            if *count == 0 {
                self.per_client.remove(&stranger.client);
            }
        }
        Some(stranger)
    }
}

impl Standing {
    /// A right signature came over this connection.
    pub(crate) fn vouch(&self) {
        if !self.is_known() && !self.known.swap(true, Ordering::Relaxed) {
            self.strangers.lock().remove(self.number);
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Resolves when this one has to make room.
    pub(crate) async fn sent_away(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        if !self.is_known() {
            self.strangers.lock().remove(self.number);
        }
    }
}

/// Whoever has a network of IPv6 has all of its addresses.
fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = u128::from(v6) >> 64 << 64;
            IpAddr::V6(network.into())
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn is_gone(standing: &Standing) -> bool {
        standing.sent_away().now_or_never().is_some()
    }

    fn arrive(strangers: &Arc<Strangers>, address: &str) -> Standing {
        strangers.arrive(address.parse().unwrap())
    }

    #[test]
    fn the_oldest_of_whoever_has_most_goes_first() {
        let strangers = Arc::new(Strangers::default());
        let single = arrive(&strangers, "192.0.2.1");
        let crowd = [(); 3].map(|()| arrive(&strangers, "192.0.2.2"));
        for expected in [&crowd[0], &crowd[1], &single, &crowd[2]] {
            assert!(strangers.send_one_away());
            assert!(is_gone(expected));
        }
        assert!(!strangers.send_one_away());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let strangers = Arc::new(Strangers::default());
        let single = arrive(&strangers, "192.0.2.1");
        let crowd = ["2001:db8::1", "2001:db8::2"].map(|address| arrive(&strangers, address));
        assert!(strangers.send_one_away());
        assert!(is_gone(&crowd[0]) && !is_gone(&crowd[1]) && !is_gone(&single));
    }

    #[test]
    fn the_known_and_the_gone_are_not_counted() {
        let strangers = Arc::new(Strangers::default());
        let known = arrive(&strangers, "192.0.2.1");
        known.vouch();
        known.vouch();
        drop(arrive(&strangers, "192.0.2.1"));
        assert!(!strangers.send_one_away());
        assert!(!is_gone(&known));
        assert!(strangers.lock().per_client.is_empty());
    }
}
