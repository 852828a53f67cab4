//! What a sandbox's programs want of the network: taken as it comes, done side by side, answered to pid 1.
//!
//! No request waits in the sandbox's inbox with a descriptor.

use super::Uplink;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lambkin_model::FunctionName;
use lambkin_sandbox::outbound::Likeness;
use lambkin_sandbox::{
    CONNECTS_MAX, Connect, HandedIn, NetworkRequest, QUERIES_MAX, Query, Sandbox,
};
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;

/// As many as pid 1 may ask for at a time. One that asks for more is not what it was, and its inbox overflows.
const UNDER_WAY_MAX: usize = CONNECTS_MAX + QUERIES_MAX;

/// A request without descriptors.
enum Work {
    Connect {
        id: u32,
        destination: SocketAddr,
        like: io::Result<Likeness>,
    },
    Query(Query),
}

impl From<NetworkRequest> for Work {
    fn from(request: NetworkRequest) -> Self {
        match request {
            NetworkRequest::Connect(Connect {
                id,
                destination,
                socket,
            }) => Self::Connect {
                id,
                destination,
                like: Likeness::of(socket),
            },
            NetworkRequest::Query(query) => Self::Query(query),
        }
    }
}

/// Whose requests are served.
pub(crate) struct Client<'c, N: Fn(&str)> {
    pub(crate) sandbox: &'c Sandbox,
    pub(crate) uplink: &'c Uplink,
    pub(crate) function: &'c FunctionName,
    /// Takes what the function's log is to say.
    pub(crate) note: N,
}

impl<N: Fn(&str)> Client<'_, N> {
    /// Serves it until its sandbox is gone. Dropping this drops all that is under way.
    pub(crate) async fn serve(&self) {
        let mut under_way = FuturesUnordered::new();
        loop {
            tokio::select! {
                request = self.sandbox.network_request(), if under_way.len() < UNDER_WAY_MAX => match request {
                    Some(request) => under_way.push(self.serve_one(request.into())),
                    None => return,
                },
                Some(()) = under_way.next() => {}
            }
        }
    }

    async fn serve_one(&self, work: Work) {
        let answered = match work {
            Work::Connect {
                id,
                destination,
                like,
            } => {
                let outcome = self.connect(destination, like).await;
                self.sandbox.connected(id, outcome).await
            }
            Work::Query(query) => match self.look_up(&query).await {
                Some(answer) => self.sandbox.answer_query(query.id, &answer).await,
                None => Ok(()),
            },
        };
        if let Err(error) = answered {
            // Its sandbox is gone, or will be.
            tracing::debug!(%error, "an answer to a request for the network did not arrive");
        }
    }

    async fn connect(
        &self,
        destination: SocketAddr,
        like: io::Result<Likeness>,
    ) -> Result<HandedIn, i32> {
        let like =
            like.map_err(|error| error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()))?;
        let (outcome, line) = self.uplink.connect(&like, destination).await;
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
