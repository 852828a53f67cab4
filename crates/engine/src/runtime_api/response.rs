//! `POST /runtime/invocation/{id}/response`: the function's answer, whole or streamed.
//!
//! A streamed one is collected, as a synchronous invoke returns it in one piece; its trailers may say that
//! it failed midway.

use super::body::{self, Broken, Whole};
use super::error_type::{ERROR_TYPE, error_type};
use super::pace::Pace;
use super::reply::{self, Response};
use super::state::State;
use crate::environment::Environment;
use crate::failure::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Incoming;

const MODE: &str = "lambda-runtime-function-response-mode";
/// Base64, in the trailers.
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

pub(super) async fn response(
    environment: &Environment,
    id: &str,
    headers: &HeaderMap,
    body: &mut Incoming,
    pace: &Pace,
) -> Response {
    let id = match environment.slot.respond(id, State::InvocationResponse) {
        Ok(id) => id,
        Err(refusal) => return reply::refused(refusal),
    };
    let known_mode = headers.get(MODE).is_none_or(|mode| mode == "streaming");
    let (result, response) = if known_mode {
        match body::read(body, pace).await {
            Ok(whole) => (outcome(whole), reply::accepted as fn() -> Response),
            Err(Broken::TooLarge) => (Err(Failure::ResponseTooLarge), reply::too_large as _),
            Err(Broken::Truncated) => (Err(Failure::Truncated), reply::truncated as _),
        }
    } else {
        (Err(Failure::InvalidResponseMode), reply::invalid_mode as _)
    };
    match environment.slot.responded(id) {
        Ok(invocation) => reply::after_caller(environment, invocation, result).await,
        Err(refusal) => return reply::refused(refusal),
    }
    response()
}

/// Trailers turn a streamed response into a failure.
fn outcome(whole: Whole) -> Result<Bytes, Failure> {
    match whole
        .trailers
        .filter(|trailers| trailers.contains_key(ERROR_TYPE))
    {
        None => Ok(whole.bytes),
        Some(trailers) => Err(Failure::Reported {
            error_type: error_type(&trailers),
            payload: error_body(&trailers).unwrap_or(whole.bytes),
        }),
    }
}

fn error_body(trailers: &HeaderMap) -> Option<Bytes> {
    STANDARD
        .decode(trailers.get(ERROR_BODY)?.as_bytes())
        .ok()
        .map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_say_that_a_stream_failed() {
        let mut trailers = HeaderMap::new();
        let bytes = Bytes::from_static(b"half");
        let whole = |trailers| Whole {
            bytes: bytes.clone(),
            trailers,
        };
        assert_eq!(outcome(whole(Some(trailers.clone()))), Ok(bytes.clone()));
        trailers.insert(ERROR_TYPE, "Runtime.StreamError".parse().unwrap());
        trailers.insert(ERROR_BODY, "e30=".parse().unwrap());
        let failure = Failure::Reported {
            error_type: "Runtime.StreamError".into(),
            payload: Bytes::from_static(b"{}"),
        };
        assert_eq!(outcome(whole(Some(trailers))), Err(failure));
    }
}
