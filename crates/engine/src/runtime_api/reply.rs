//! What a runtime gets as an answer: the same objects, texts and line feeds as AWS's.

use super::InvalidTransition;
use crate::environment::{Environment, Refusal};
use crate::failure::Failure;
use crate::invocation::Invocation;
use bytes::Bytes;
use http_body_util::Full;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use lambkin_model::Limits;

/// Every body is whole.
pub(crate) type Response = hyper::Response<Full<Bytes>>;

/// Ends an invocation and lets its caller's answer leave first: the runtime's acknowledgement can wait. The caller's
/// task hands the processor back: where this one yielded it, the scheduler would wake another processor to take it on.
pub(crate) async fn after_caller(
    environment: &Environment,
    mut invocation: Invocation,
    result: Result<Bytes, Failure>,
) {
    let heard = invocation.heard();
    environment.answered(invocation, result).await;
    let _ = heard.await;
}

/// 202: what the runtime said was taken.
pub(crate) fn accepted() -> Response {
    json(
        StatusCode::ACCEPTED,
        Bytes::from_static(b"{\"status\":\"OK\"}\n"),
    )
}

/// The answer to `ping`.
pub(crate) fn pong() -> Response {
    with_type(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        Bytes::from_static(b"pong"),
    )
}

/// No such path.
pub(crate) fn not_found() -> Response {
    let body = Bytes::from_static(b"404 page not found\n");
    with_type(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", body)
}

/// The path has other methods.
pub(crate) fn method_not_allowed() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// The call does not fit the runtime's state.
pub(crate) fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::InvalidRequestId => failed(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            "Invalid request ID",
        ),
        Refusal::Transition(refused) => invalid_transition(refused),
    }
}

fn invalid_transition(refused: InvalidTransition) -> Response {
    failed(
        StatusCode::FORBIDDEN,
        "InvalidStateTransition",
        &refused.to_string(),
    )
}

/// The body is over 6 MB and 100 bytes.
pub(crate) fn too_large() -> Response {
    let message = format!(
        "Exceeded maximum allowed payload size ({} bytes).",
        Limits::RESPONSE_PAYLOAD_BYTES
    );
    failed(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &message,
    )
}

/// The body broke off.
pub(crate) fn truncated() -> Response {
    let message = "HTTP request detected as truncated";
    failed(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", message)
}

/// A response mode that does not exist.
pub(crate) fn invalid_mode() -> Response {
    let message = "Invalid function response mode";
    failed(
        StatusCode::BAD_REQUEST,
        "InvalidFunctionResponseMode",
        message,
    )
}

fn failed(status: StatusCode, error_type: &str, message: &str) -> Response {
    let body = format!("{{\"errorMessage\":\"{message}\",\"errorType\":\"{error_type}\"}}\n");
    json(status, body.into())
}

fn json(status: StatusCode, body: Bytes) -> Response {
    with_type(status, "application/json", body)
}

fn with_type(status: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
