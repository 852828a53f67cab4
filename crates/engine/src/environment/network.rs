//! What an environment's programs want of the network: taken as it comes, done side by side, answered to pid 1.
//!
//! One task for each environment. It sleeps until the first request, and ends with the sandbox or by being aborted,
//! and with it all that is under way. No request waits in the sandbox's inbox with a descriptor.

use super::Environment;
use futures_util::stream::{FuturesUnordered, StreamExt};
use lambkin_sandbox::outbound::Likeness;
use lambkin_sandbox::{Connect, HandedIn, NetworkRequest, Query};
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

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

/// Serves an environment until its sandbox is gone.
pub(super) async fn serve(environment: Arc<Environment>) {
    // Bounded by what pid 1 may ask for at a time.
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            request = environment.sandbox.network_request() => match request {
                Some(request) => under_way.push(serve_one(&environment, request.into())),
                None => return,
            },
            Some(()) = under_way.next() => {}
        }
    }
}

async fn serve_one(environment: &Environment, work: Work) {
    let answered = match work {
        Work::Connect {
            id,
            destination,
            like,
        } => {
            let outcome = connect(environment, destination, like).await;
            environment.sandbox.connected(id, outcome).await
        }
        Work::Query(query) => match look_up(environment, &query).await {
            Some(answer) => environment.sandbox.answer_query(query.id, &answer).await,
            None => Ok(()),
        },
    };
    if let Err(error) = answered {
        // Its sandbox is gone, or will be.
        tracing::debug!(%error, "an answer to a request for the network did not arrive");
    }
}

async fn connect(
    environment: &Environment,
    destination: SocketAddr,
    like: io::Result<Likeness>,
) -> Result<HandedIn, i32> {
    let like = like.map_err(|error| error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()))?;
    let (outcome, line) = environment.uplink.connect(&like, destination).await;
    if let Some(line) = line {
        environment.note(&line);
    }
    outcome
}

async fn look_up(environment: &Environment, query: &Query) -> Option<Vec<u8>> {
    let function = &environment.generation.function().name;
    let asked = environment
        .uplink
        .look_up(function, &query.message, query.over_tcp)
        .await;
    if let Some(line) = asked.line {
        environment.note(line);
    }
    asked.answer
}
