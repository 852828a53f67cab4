//! Lambkin's own routes: logs, ledger, starts, network rules, runtimes.

use anyhow::Context;
use http::{Method, Response};
use hyper::body::Incoming;
use lambkin_wire::admin::{self, RuntimeLine};

use super::call::encode;
use super::lambda::json;
use super::{Answer, Call, Client};

/// Which lines of a function's log.
#[derive(Debug)]
pub(crate) struct LogQuery<'a> {
    pub(crate) function: &'a str,
    /// Milliseconds since 1970.
    pub(crate) since_ms: Option<i64>,
    pub(crate) request_id: Option<&'a str>,
    pub(crate) follow: bool,
}

impl Client {
    /// Log lines, one JSON object a line.
    pub(crate) async fn logs(&self, query: LogQuery<'_>) -> anyhow::Result<Response<Incoming>> {
        let call = Call::get(format!("{}{}", admin::LOGS, encode(query.function)))
            .query("since_ms", query.since_ms)
            .query("request_id", query.request_id)
            .query("follow", query.follow.then_some(true));
        let timeout = call.timeout;
        let opened = tokio::time::timeout(timeout, self.open(call)).await;
        opened.with_context(|| format!("{} gave no answer", self.endpoint))?
    }

    /// Usage over a period in milliseconds since 1970; without one, of the current month.
    pub(crate) async fn ledger(
        &self,
        from_ms: Option<i64>,
        to_ms: Option<i64>,
    ) -> anyhow::Result<admin::Ledger> {
        let call = Call::get(admin::LEDGER)
            .query("from_ms", from_ms)
            .query("to_ms", to_ms);
        let answer: Answer = self.send(call).await?;
        json(&answer)
    }

    /// Where the time of a function's last starts went.
    pub(crate) async fn starts(&self, function: &str) -> anyhow::Result<admin::Starts> {
        let path = format!("{}{}", admin::STARTS, encode(function));
        json(&self.send(Call::get(path)).await?)
    }

    /// The network rules of a function.
    pub(crate) async fn egress(&self, function: &str) -> anyhow::Result<admin::Egress> {
        let path = format!("{}{}", admin::EGRESS, encode(function));
        json(&self.send(Call::get(path)).await?)
    }

    /// Changes the network rules of a function; what it leaves.
    pub(crate) async fn edit_egress(
        &self,
        function: &str,
        edit: &admin::EgressEdit,
    ) -> anyhow::Result<admin::Egress> {
        let path = format!("{}{}", admin::EGRESS, encode(function));
        json(&self.send(Call::new(Method::POST, path).json(edit)?).await?)
    }

    /// The interpreters that the server found.
    pub(crate) async fn runtimes(&self) -> anyhow::Result<Vec<RuntimeLine>> {
        json(&self.send(Call::get(admin::RUNTIMES)).await?)
    }
}
