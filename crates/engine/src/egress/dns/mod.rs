//! The resolver that functions see: their questions go to the machine's own resolvers, and the answers back.
//!
//! ```text
//! message ─▶ read ─▶ lambkin.internal? ─▶ a turn by the function's allowance ─▶ resolvers of the machine ─▶ answer
//! ```
//! Tells nothing that the resolvers do not: no names of the machine's hosts file, no cache between functions.
//! Refuses: how messages arrive and leave.

mod allowance;
mod asked_names;
mod exchange;
mod message;
mod resolvers;

pub(crate) use allowance::Allowance;

use super::admission::API_ADDRESS;
use asked_names::AskedNames;
use lambkin_model::FunctionName;
use lambkin_model::egress::API_NAME;
use message::{Code, Query, Unfit};
use resolvers::Source;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};

/// How long its address may be kept.
const API_NAME_S: u32 = 60;
/// When a question is given up: before the five seconds that programs wait, and ask again.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(4_500);

/// What came of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is answered by this.
    Answer(Vec<u8>),
    /// The same, as the environment has asked for too many names.
    TooMany(Vec<u8>),
    /// It is nothing that can be answered.
    Nothing,
}

/// What all environments share.
#[derive(Debug)]
pub(super) struct Names {
    source: Source,
    api_is_open: bool,
    /// Queries that are on their way to resolvers.
    places: Semaphore,
    asked: AskedNames,
}

impl Names {
    pub(super) fn new(resolv_conf: PathBuf, api_is_open: bool) -> Self {
        Self {
            source: Source::new(resolv_conf),
            api_is_open,
            places: Semaphore::new(crate::descriptors::queries_max()),
            asked: AskedNames::default(),
        }
    }

    /// Answers a program's message within five seconds; without an allowance, that names are not told.
    pub(super) async fn answer(
        &self,
        function: &FunctionName,
        allowance: Option<&Allowance>,
        message: &[u8],
        over_tcp: bool,
    ) -> Asked {
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(Unfit::Noise) => return Asked::Nothing,
            Err(Unfit::Told(answer)) => return Asked::Answer(answer),
        };
        let name = query.name();
        if name.eq_ignore_ascii_case(API_NAME) {
            return Asked::Answer(self.api(&query));
        }
        let Some(allowance) = allowance else {
            return Asked::Answer(query.told(Code::Refused));
        };
        let Some(turn) = allowance.turn(query.for_resolver(0)) else {
            return Asked::TooMany(query.told(Code::ServerFailure));
        };
        self.asked.tell(function, &name);
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        sleep_until(turn).await;
        let resolved = timeout_at(
            deadline,
            self.resolve(allowance, &query, over_tcp, deadline),
        );
        let answer = match resolved.await {
            Ok(Some(answer)) => query.relayed(answer, over_tcp),
            Ok(None) | Err(_) => query.told(Code::ServerFailure),
        };
        Asked::Answer(answer)
    }

    fn api(&self, query: &Query) -> Vec<u8> {
        match self.api_is_open {
            true if query.wants_ipv4() => query.address(API_ADDRESS.octets(), API_NAME_S),
            true => query.told(Code::NoError),
            false => query.told(Code::NoSuchName),
        }
    }

    async fn resolve(
        &self,
        allowance: &Allowance,
        query: &Query,
        over_tcp: bool,
        deadline: Instant,
    ) -> Option<Vec<u8>> {
        let _own = allowance.places().acquire().await.ok()?;
        let _shared = self.places.acquire().await.ok()?;
        let resolvers = self.source.now();
        let asked = exchange::ask(&resolvers, query, over_tcp, deadline).await;
        asked
            .inspect_err(|error| tracing::debug!(%error, "no resolver answered"))
            .ok()
    }
}

#[cfg(test)]
mod tests;
