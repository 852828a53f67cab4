//! `POST /runtime/invocation/{id}/error`: the function failed; the body is what the caller gets.

use super::body::{self, Broken};
use super::cause::without_cause;
use super::error_type::error_type;
use super::pace::Pace;
use super::reply::{self, Response};
use super::state::State;
use crate::environment::Environment;
use crate::failure::Failure;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;

/// A body that carries an X-Ray cause, which is not the caller's business.
const WITH_CAUSE: &[u8] = b"application/vnd.aws.lambda.error.cause+json";

pub(super) async fn error(
    environment: &Environment,
    id: &str,
    headers: &HeaderMap,
    body: &mut Incoming,
    pace: &Pace,
) -> Response {
    let id = match environment.slot.respond(id, State::InvocationErrorResponse) {
        Ok(id) => id,
        Err(refusal) => return reply::refused(refusal),
    };
    let (failure, response) = match body::read(body, pace).await {
        Ok(whole) => (
            reported(headers, whole.bytes),
            reply::accepted as fn() -> Response,
        ),
        Err(Broken::TooLarge) => (Failure::ResponseTooLarge, reply::too_large as _),
        Err(Broken::Truncated) => (Failure::Truncated, reply::truncated as _),
    };
    match environment.slot.responded(id) {
        Ok(invocation) => reply::after_caller(environment, invocation, Err(failure)).await,
        Err(refusal) => return reply::refused(refusal),
    }
    response()
}

/// What a runtime says about a failure, of an invocation or of INIT.
pub(super) fn reported(headers: &HeaderMap, body: Bytes) -> Failure {
    let with_cause = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == WITH_CAUSE);
    let payload = if with_cause {
        without_cause(&body)
    } else {
        body
    };
    Failure::Reported {
        error_type: error_type(headers),
        payload,
    }
}
