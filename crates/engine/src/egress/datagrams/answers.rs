//! The way back of one flow: a task of its own, which ends with it.

use super::packet::Ends;
use super::relay::Relay;
use std::sync::{Arc, Weak};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// An error is all that tells that nobody listens there.
const KINDS: [Interest; 2] = [Interest::READABLE, Interest::ERROR];

/// Carries answers until the flow has ended. What the environment has no turn for waits in the socket, or is lost; so does
/// what comes while it stands still, so that nothing which idles costs the server time.
/// Flows end with the relay: it is not kept while nothing comes.
pub(super) async fn carry(relay: Weak<Relay>, ends: Ends, socket: Arc<UdpSocket>) {
    loop {
        let [answer, error] = KINDS;
        if socket.ready(answer | error).await.is_err() {
            // The runtime ends.
            return;
        }
        let Some(relay) = relay.upgrade() else {
            return;
        };
        relay.awake().await;
        relay.turn().await;
        // Each by itself: whether either is there cannot be asked, and would be believed for ever.
        for kind in KINDS {
            relay.give_some(ends, &socket, kind);
        }
        drop(relay);
        tokio::task::yield_now().await;
    }
}
