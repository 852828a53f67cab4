//! `POST /runtime/init/error`: the runtime cannot start.

use super::body::{self, Broken};
use super::error::reported;
use super::pace::Pace;
use super::reply::{self, Response};
use crate::environment::Environment;
use crate::failure::Failure;
use hyper::HeaderMap;
use hyper::body::Incoming;

pub(super) async fn init_error(
    environment: &Environment,
    headers: &HeaderMap,
    body: &mut Incoming,
    pace: &Pace,
) -> Response {
    // Before the body is read: an environment holds one body at a time.
    if let Err(refusal) = environment.slot.begin_init_error() {
        return reply::refused(refusal);
    }
    let (failure, response) = match body::read(body, pace).await {
        Ok(whole) => (
            reported(headers, whole.bytes),
            reply::accepted as fn() -> Response,
        ),
        Err(Broken::TooLarge) => (Failure::ResponseTooLarge, reply::too_large as _),
        Err(Broken::Truncated) => (Failure::Truncated, reply::truncated as _),
    };
    environment.slot.fail_init(failure);
    response()
}
