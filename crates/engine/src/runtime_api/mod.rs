//! AWS's Runtime API for custom runtimes, version 2018-06-01, on a sandbox's own socket.
//!
//! Owns: HTTP between a runtime and its environment: paths, headers, bodies, error objects. Whoever speaks
//! on a socket is that socket's sandbox; no header says who is calling. Calls that move no invocation are
//! paced, and a connection of no use makes room for another (`traffic`).
//! Refuses: what a call does to an invocation (`environment`). Extensions have no endpoint yet: 404.

mod body;
mod call;
mod cause;
mod dialect;
mod error;
mod error_type;
mod init_error;
mod next;
mod pace;
mod reply;
mod response;
mod state;
mod traffic;

pub(crate) use pace::{CONNECTION, Pace};
pub(crate) use state::{InvalidTransition, State};
pub(crate) use traffic::{Link, Traffic};

use crate::environment::Environment;
use call::{Call, Unknown};
use http::request::Parts;
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::EXPECT;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pace::CALL;
use reply::Response;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Most bytes of a request's head: AWS's clients send an X-Ray cause, which is read and forgotten here, of up to 1 MiB.
pub(crate) const HEAD_BYTES_MAX: usize = (1 << 20) + (64 << 10);
/// The same where no client of AWS's calls.
pub(crate) const SMALL_HEAD_BYTES_MAX: usize = 128 << 10;
/// Bytes of a head that are in the price of its connection or call.
const FREE_HEAD_BYTES: usize = SMALL_HEAD_BYTES_MAX;

/// Serves one connection to its end. A slow or hostile runtime costs its own environment alone.
pub(crate) async fn serve(
    environment: Arc<Environment>,
    link: Arc<Link>,
    stream: TcpStream,
    head_bytes_max: usize,
) {
    // A response leaves at once; without this the kernel may wait for more.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let (environment, link) = (Arc::clone(&environment), Arc::clone(&link));
        async move { Ok::<_, Infallible>(answer(&environment, &link, request).await) }
    });
    let connection = dialect::http(head_bytes_max).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a Runtime API connection broke");
            // It may have brought as much as it may before.
            link.traffic.pace.charge_waste(head_bytes_max.saturating_sub(FREE_HEAD_BYTES));
        },
        () = link.closed() => {}
    }
}

/// Answers one call. What a handler leaves of the body is read and forgotten, as AWS does: most clients
/// send all of it before they listen, and keep the connection.
async fn answer(environment: &Environment, link: &Link, request: Request<Incoming>) -> Response {
    let (head, mut body) = request.into_parts();
    if !link.begin() {
        // The connection ends at this await; what was called has not happened.
        return std::future::pending().await;
    }
    let large = head_bytes(&head).saturating_sub(FREE_HEAD_BYTES);
    link.traffic.pace.charge_waste(large);
    let response = route(environment, link, &head, &mut body).await;
    let accepted = response.status().is_success();
    link.finish(accepted);
    if !accepted {
        link.traffic.pace.spend(CALL).await;
        if head.headers.contains_key(EXPECT) {
            // The client asked first: it keeps its body.
            return response;
        }
    }
    body::discard(&mut body, &link.traffic.pace).await;
    response
}

fn head_bytes(head: &Parts) -> usize {
    let lines = head.headers.iter();
    lines
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

async fn route(
    environment: &Environment,
    link: &Link,
    head: &Parts,
    body: &mut Incoming,
) -> Response {
    let pace = &link.traffic.pace;
    match Call::of(&head.method, head.uri.path()) {
        Ok(Call::Next) => next::next(environment, link, &head.headers).await,
        Ok(Call::Ping) => {
            pace.spend(CALL).await;
            reply::pong()
        }
        Ok(Call::InitError) => init_error::init_error(environment, &head.headers, body, pace).await,
        Ok(Call::Response(id)) => {
            response::response(environment, id, &head.headers, body, pace).await
        }
        Ok(Call::Error(id)) => error::error(environment, id, &head.headers, body, pace).await,
        Err(Unknown::Path) => reply::not_found(),
        Err(Unknown::Method) => reply::method_not_allowed(),
    }
}
