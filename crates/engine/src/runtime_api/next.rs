//! `GET /runtime/invocation/next`: waits for an event. Never times out.

use super::pace::CALL;
use super::reply::{self, Response};
use super::traffic::Link;
use crate::environment::{Asked, Environment, Event};
use crate::invocation::now;
use crate::start::{TOLD, Telling};
use bytes::Bytes;
use http_body_util::Full;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("lambda-runtime-client-context");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const DEADLINE_MS: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");

/// An event of this many bytes is worth a thought about who still holds it.
const LARGE_BYTES: usize = 1 << 20;

pub(super) async fn next(environment: &Environment, link: &Link, head: &HeaderMap) -> Response {
    match environment.slot.ask() {
        Err(refusal) => return reply::refused(refusal),
        Ok(Asked::First(init)) => {
            environment.initialised(init, head.get(TOLD).and_then(Telling::of));
        }
        Ok(Asked::Back) => environment.came_back(),
        Ok(Asked::Again) => {}
    }
    let event = environment.slot.event().await;
    environment.handed_over(&event);
    let pace = &link.traffic.pace;
    if event.again {
        pace.spend(CALL).await;
        pace.waste(event.payload.len()).await;
    }
    if event.payload.len() >= LARGE_BYTES {
        link.load();
    }
    deliver(event)
}

fn deliver(event: Event) -> Response {
    let deadline_ms = now().0 + i64::try_from(event.left.as_millis()).unwrap_or(i64::MAX);
    let mut response = Response::new(Full::new(event.payload));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(DEADLINE_MS, HeaderValue::from(deadline_ms));
    insert(headers, REQUEST_ID, event.id.to_string());
    insert(headers, TRACE_ID, event.trace);
    insert(headers, FUNCTION_ARN, event.invoked_arn);
    if let Some(context) = event.client_context {
        // JSON may be spread over lines; a header may not, and control characters are white space in JSON.
        insert(
            headers,
            CLIENT_CONTEXT,
            context.replace(|c: char| c.is_ascii_control(), " "),
        );
    }
    response
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: impl Into<Bytes>) {
    if let Ok(value) = HeaderValue::from_maybe_shared(value.into()) {
        headers.insert(name, value);
    }
}
