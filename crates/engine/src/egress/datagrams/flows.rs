//! The flows of one environment: for each pair of ends a socket of the machine that is connected to the far one, so
//! that nobody else can answer.

use super::packet::Ends;
use super::places::Place;
use lambkin_model::egress::{Denial, Rules};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Of one environment; one more takes the place of the one that has sent nothing for longest.
const FLOWS_MAX: usize = 256;
/// How long a flow lives without a datagram of the program's, as with other translators of addresses.
const IDLE: Duration = Duration::from_secs(60);
/// How long a verdict holds while no rule changes: the machine may get another address.
const VERDICT: Duration = Duration::from_secs(1);

/// One of them.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) reader: AbortHandle,
    pub(super) verdict: Verdict,
    pub(super) sent: Instant,
    pub(super) _place: Place,
}

/// That a flow may be, or may not, by these rules at that moment.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    rules: Arc<Rules>,
    at: Instant,
}

impl Verdict {
    pub(super) fn now(rules: Arc<Rules>) -> Self {
        let at = Instant::now();
        Self { rules, at }
    }

    /// Whether it need not be asked for again.
    pub(super) fn holds(&self, rules: &Arc<Rules>) -> bool {
        Arc::ptr_eq(&self.rules, rules) && self.at.elapsed() < VERDICT
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// All of one environment.
#[derive(Debug, Default)]
pub(super) struct Flows {
    flows: HashMap<Ends, Flow>,
    /// The destination that was denied last: who floods, floods one.
    denied: Option<(SocketAddr, Denial, Verdict)>,
    closed: bool,
}

impl Flows {
    pub(super) fn get(&mut self, ends: Ends) -> Option<&mut Flow> {
        self.flows.get_mut(&ends)
    }

    pub(super) fn insert(&mut self, ends: Ends, flow: Flow) {
        self.flows.insert(ends, flow);
    }

    pub(super) fn remove(&mut self, ends: Ends) {
        self.flows.remove(&ends);
    }

    /// Why nothing may go there, where that was asked for a moment ago, for no flow either.
    pub(super) fn denied(&self, to: SocketAddr, rules: &Arc<Rules>) -> Option<Denial> {
        let (denied, denial, verdict) = self.denied.as_ref()?;
        (*denied == to && verdict.holds(rules)).then_some(*denial)
    }

    /// Nothing may go there, by these rules at that moment.
    pub(super) fn deny(&mut self, to: SocketAddr, denial: Denial, verdict: Verdict) {
        self.denied = Some((to, denial, verdict));
    }

    /// Makes room for one more by `take`, which may find no place; then the oldest one goes for it.
    pub(super) fn make_room(&mut self, take: impl Fn() -> Option<Place>) -> Option<Place> {
        if self.closed {
            return None;
        }
        if self.flows.len() >= FLOWS_MAX {
            self.remove_oldest();
        }
        take().or_else(|| {
            self.remove_oldest();
            take()
        })
    }

    /// When the next one is idle for too long, if there is any.
    pub(super) fn next_idle(&self) -> Option<Instant> {
        let oldest = self.flows.values().map(|flow| flow.sent).min();
        oldest.map(|sent| sent + IDLE)
    }

    pub(super) fn remove_idle(&mut self) {
        self.flows.retain(|_, flow| flow.sent.elapsed() < IDLE);
    }

    /// There will be none any more.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.flows.clear();
    }

    fn remove_oldest(&mut self) {
        let oldest = self.flows.iter().min_by_key(|(_, flow)| flow.sent);
        if let Some(ends) = oldest.map(|(ends, _)| *ends) {
            self.flows.remove(&ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::Places;
    use super::*;
    use lambkin_model::FunctionName;
    use std::net::Ipv4Addr;
    use tokio::time::advance;

    async fn flow(place: Place) -> Flow {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Flow {
            socket: Arc::new(socket),
            reader: tokio::spawn(std::future::pending::<()>()).abort_handle(),
            verdict: Verdict::now(Arc::default()),
            sent: Instant::now(),
            _place: place,
        }
    }

    fn function() -> FunctionName {
        FunctionName::new("f").unwrap()
    }

    fn ends(port: u16) -> Ends {
        Ends {
            from: (Ipv4Addr::LOCALHOST, port).into(),
            to: (Ipv4Addr::LOCALHOST, 53).into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_nothing_for_a_minute_has_no_flow() {
        let (mut flows, places) = (Flows::default(), Arc::new(Places::new(2)));
        for port in [1, 2] {
            let place = flows.make_room(|| places.take(&function())).unwrap();
            flows.insert(ends(port), flow(place).await);
            advance(IDLE / 2).await;
        }
        assert_eq!(flows.next_idle(), Some(Instant::now()));
        flows.remove_idle();
        assert!(flows.get(ends(1)).is_none() && flows.get(ends(2)).is_some());
        flows.close();
        assert!(flows.next_idle().is_none());
        assert!(places.take(&function()).is_some(), "its place is another's");
        assert!(flows.make_room(|| places.take(&function())).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_place_the_oldest_goes() {
        let (mut flows, places) = (Flows::default(), Arc::new(Places::new(2)));
        for port in [1, 2, 3] {
            let place = flows.make_room(|| places.take(&function())).unwrap();
            flows.insert(ends(port), flow(place).await);
            advance(Duration::from_secs(1)).await;
        }
        assert!(flows.get(ends(1)).is_none() && flows.get(ends(3)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_denied_is_not_asked_again_for_a_second_and_while_no_rule_changes() {
        let (mut flows, rules) = (Flows::default(), Arc::<Rules>::default());
        let [denied, other] = [ends(1).to, ends(1).from];
        flows.deny(denied, Denial::Machine, Verdict::now(Arc::clone(&rules)));
        assert_eq!(flows.denied(denied, &rules), Some(Denial::Machine));
        assert_eq!(flows.denied(other, &rules), None);
        assert_eq!(flows.denied(denied, &Arc::default()), None);
        advance(VERDICT).await;
        assert_eq!(flows.denied(denied, &rules), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_verdict_holds_for_a_second_and_while_no_rule_changes() {
        let rules = Arc::<Rules>::default();
        let verdict = Verdict::now(Arc::clone(&rules));
        assert!(verdict.holds(&rules) && !verdict.holds(&Arc::default()));
        advance(VERDICT).await;
        assert!(!verdict.holds(&rules));
    }
}
