//! What every answer is made of: a body that is whole or streamed, and few constructors.

use crate::error::Error;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use serde::Serialize;
use std::convert::Infallible;

/// Body of an answer: nearly always whole, streamed only where an answer has no end.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>;

/// The content type of Lambda's answers.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer whose body is complete.
pub(crate) fn whole(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, answer: &impl Serialize) -> Result<Response<Body>, Error> {
    let body = serde_json::to_vec(answer).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(whole(status, JSON, body))
}

/// An answer that is written while it is read.
pub(crate) fn streamed(
    content_type: HeaderValue,
    body: impl http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
) -> Response<Body> {
    let mut response = Response::new(Either::Right(UnsyncBoxBody::new(body)));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// An answer without a body and without a content type.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = status;
    response
}
