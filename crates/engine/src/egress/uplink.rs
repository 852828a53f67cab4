//! One environment's way out: its rules, its limits, its sums.

use super::Gateway;
use super::admission::Refusal;
use super::datagrams::Relay;
use super::denials::Denials;
use super::dns::{Allowance, Asked};
use super::traffic::Traffic;
use crate::present_rules::FunctionRules;
use crate::runtime_api::Pace;
use lambkin_model::{FunctionName, NetworkUsage};
use lambkin_sandbox::HandedIn;
use lambkin_sandbox::outbound::{Likeness, Progress, Tunnel};
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What an attempt costs of an environment's share of the server's time: 4,000 a second, and 8,000 at once.
const ATTEMPT: Duration = Duration::from_micros(250);

/// What the function's log says of the first query that is refused.
const TOO_MANY_QUERIES: &str = "lambkin: new names are asked for faster than 20 a second, after 100 at once: what is \
    beyond that fails";

/// What came of a query.
#[derive(Debug)]
pub(crate) struct LookedUp {
    /// None if there is no answer to it.
    pub(crate) answer: Option<Vec<u8>>,
    /// For the function's log.
    pub(crate) line: Option<&'static str>,
}

/// What decides and counts for one environment.
#[derive(Debug)]
pub(crate) struct Uplink {
    gateway: Arc<Gateway>,
    rules: Arc<FunctionRules>,
    traffic: Arc<Traffic>,
    /// Of the connection that takes a place.
    turn: Mutex<()>,
    denials: Arc<Denials>,
    pace: Pace,
    queries: Allowance,
    queries_told: AtomicBool,
    /// Where datagrams lead out.
    relay: Option<Arc<Relay>>,
}

impl Uplink {
    /// With the far end of its device for datagrams, if it has one, and whether its programs stand still.
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        function: &FunctionName,
        rules: Arc<FunctionRules>,
        way_out: Option<(Tunnel, watch::Receiver<bool>)>,
    ) -> Self {
        let (traffic, denials) = (Arc::<Traffic>::default(), Arc::<Denials>::default());
        let relay = way_out.map(|(tunnel, stillness)| {
            let (gateway, rules) = (Arc::clone(&gateway), Arc::clone(&rules));
            let (traffic, denials) = (Arc::clone(&traffic), Arc::clone(&denials));
            let function = function.clone();
            Arc::new(Relay::new(
                tunnel, stillness, gateway, function, rules, traffic, denials,
            ))
        });
        Self {
            gateway,
            rules,
            traffic,
            turn: Mutex::default(),
            denials,
            pace: Pace::new(),
            queries: Allowance::new(),
            queries_told: AtomicBool::new(false),
            relay,
        }
    }

    /// Begins a connection for a program, when it is this environment's turn; waits for nothing of the network. Also
    /// tells what the function's log is to say of it.
    pub(crate) async fn connect(
        &self,
        like: &Likeness,
        to: SocketAddr,
    ) -> (Result<HandedIn, i32>, Option<String>) {
        self.pace.spend(ATTEMPT).await;
        match self.attempt(like, to).await {
            Ok(handed) => (Ok(handed), None),
            Err(refusal) => {
                let line = match &refusal {
                    Refusal::Denied(denial) => self.denials.tell(to, denial),
                    Refusal::Unreachable(_) => None,
                };
                (Err(refusal.errno()), line)
            }
        }
    }

    /// The same where nothing is to be waited for or told; `None` where something is.
    pub(crate) fn connect_promptly(
        &self,
        like: &Likeness,
        to: SocketAddr,
    ) -> Option<Result<HandedIn, i32>> {
        if !self.pace.is_within() {
            return None;
        }
        let result = match self.attempt_now(like, to)? {
            Ok(handed) => Ok(handed),
            Err(Refusal::Unreachable(error)) => Err(Refusal::Unreachable(error).errno()),
            Err(Refusal::Denied(_)) => return None,
        };
        self.pace.charge(ATTEMPT);
        Some(result)
    }

    async fn attempt(&self, like: &Likeness, to: SocketAddr) -> Result<HandedIn, Refusal> {
        while self.traffic.has_room().await {
            if let Some(result) = self.attempt_now(like, to) {
                return result;
            }
        }
        Err(io::Error::from(Errno::ADDRNOTAVAIL).into())
    }

    /// `None` where there is no room. Rules hold as they are in this moment.
    fn attempt_now(&self, like: &Likeness, to: SocketAddr) -> Option<Result<HandedIn, Refusal>> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.traffic.has_room_now().then(|| self.begin(like, to))
    }

    fn begin(&self, like: &Likeness, to: SocketAddr) -> Result<HandedIn, Refusal> {
        let to = self.gateway.admission.admit(&self.rules.now(), to)?;
        let begun = like.connect(to).map_err(of_a_program)?;
        self.gateway.endings.follow(begun.flow, &self.traffic);
        Ok(HandedIn {
            socket: begun.socket,
            in_progress: begun.progress == Progress::InProgress,
        })
    }

    /// Answers a query.
    pub(crate) async fn look_up(
        &self,
        function: &FunctionName,
        message: &[u8],
        over_tcp: bool,
    ) -> LookedUp {
        let names = &self.gateway.names;
        // Who may reach nothing needs no addresses, and could but carry something out.
        let allowance = (!self.rules.now().open_nothing()).then_some(&self.queries);
        let asked = names.answer(function, allowance, message, over_tcp);
        let (answer, line) = match asked.await {
            Asked::Answer(answer) => (Some(answer), None),
            Asked::TooMany(answer) => {
                let told = self.queries_told.swap(true, Ordering::Relaxed);
                (Some(answer), (!told).then_some(TOO_MANY_QUERIES))
            }
            Asked::Nothing => (None, None),
        };
        LookedUp { answer, line }
    }

    /// Whether there is something to settle before what was used is written down.
    pub(crate) fn is_stirred(&self) -> bool {
        self.relay.is_some() || self.traffic.is_stirred()
    }

    /// Carries datagrams, if they lead out, until it is dropped. What the function's log is to say goes to `note`.
    pub(crate) async fn carry(&self, note: impl Fn(&str)) {
        match &self.relay {
            Some(relay) => relay.carry(note).await,
            None => std::future::pending().await,
        }
    }

    /// Brings the sums up to this moment, in some milliseconds at most. Cancel safe.
    pub(crate) async fn settle(&self, note: impl Fn(&str)) {
        if let Some(relay) = &self.relay {
            relay.settle(note);
        }
        if !self.traffic.is_stirred() {
            return;
        }
        self.gateway.endings.settle(&self.traffic).await;
    }

    /// What was used since the last time.
    pub(crate) fn take_usage(&self) -> NetworkUsage {
        self.traffic.take()
    }
}

/// That the server has no descriptor left is none of a program's.
fn of_a_program(error: io::Error) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::MFILE | Errno::NFILE) => Errno::NOBUFS.into(),
        _ => error,
    }
}
