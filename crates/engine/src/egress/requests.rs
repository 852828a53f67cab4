//! What a sandbox's programs want of the network: taken as it comes, done side by side, answered to pid 1.
//!
//! A connect that needs to wait for nothing, and of which nothing is told, is made where it is heard: to wake a task
//! for it takes half as long as all else that the server does.

use super::Uplink;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lambkin_model::FunctionName;
use lambkin_sandbox::{
    CONNECTS_MAX, Connect, HandedIn, NetworkRequest, QUERIES_MAX, Query, Sandbox,
};
use std::sync::Arc;

/// As many as pid 1 may ask for at a time. One that asks for more is not what it was, and its inbox overflows.
const UNDER_WAY_MAX: usize = CONNECTS_MAX + QUERIES_MAX;

/// Whose requests are served.
pub(crate) struct Client<'c, N: Fn(&str)> {
    pub(crate) sandbox: &'c Sandbox,
    pub(crate) uplink: &'c Arc<Uplink>,
    pub(crate) function: &'c FunctionName,
    /// Takes what the function's log is to say.
    pub(crate) note: N,
}

impl<N: Fn(&str)> Client<'_, N> {
    /// Serves it until its sandbox is gone. Dropping this drops all that is under way.
    pub(crate) async fn serve(&self) {
        tokio::select! {
            () = self.serve_requests() => {}
            () = self.uplink.carry(&self.note) => {}
        }
    }

    async fn serve_requests(&self) {
        let uplink = Arc::clone(self.uplink);
        self.sandbox.answer_promptly(Box::new(move |connect| {
            uplink.connect_promptly(&connect.like, connect.destination)
        }));
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                request = self.sandbox.network_request(), if under_way.len() < UNDER_WAY_MAX => match request {
                    Some(request) => under_way.push(self.serve_one(request)),
                    None => return,
                },
                Some(()) = under_way.next() => {}
            }
        }
    }

    async fn serve_one(&self, request: NetworkRequest) {
        let answered = match request {
            NetworkRequest::Connect(connect) => {
                let outcome = self.connect(&connect).await;
                self.sandbox.connected(connect.id, outcome).await
            }
            NetworkRequest::Query(query) => match self.look_up(&query).await {
                Some(answer) => self.sandbox.answer_query(query.id, &answer).await,
                None => Ok(()),
            },
        };
        if let Err(error) = answered {
            // Its sandbox is gone, or will be.
            tracing::debug!(%error, "an answer to a request for the network did not arrive");
        }
    }

    async fn connect(&self, connect: &Connect) -> Result<HandedIn, i32> {
        let asked = self.uplink.connect(&connect.like, connect.destination);
        let (outcome, line) = asked.await;
        if let Some(line) = line {
            (self.note)(&line);
        }
        outcome
    }

    async fn look_up(&self, query: &Query) -> Option<Vec<u8>> {
        let asked = self
            .uplink
            .look_up(self.function, &query.message, query.over_tcp)
            .await;
        if let Some(line) = asked.line {
            (self.note)(line);
        }
        asked.answer
    }
}
