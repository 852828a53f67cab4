//! One call before it is signed: method, path, query, headers, body and limits.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderName;
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::endpoint::Endpoint;

/// All but the unreserved characters, as SigV4 wants it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The control plane answers in milliseconds; a minute means that something is stuck.
const TIMEOUT: Duration = Duration::from_secs(60);
/// A full page of functions with 4 KB of variables each is far below.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    path: String,
    query: String,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    pub(super) timeout: Duration,
    pub(super) answer_bytes_max: usize,
}

impl Call {
    /// A call of a path whose variable parts are encoded already, by [`encode`].
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: TIMEOUT,
            answer_bytes_max: ANSWER_BYTES_MAX,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Adds a query parameter, if it has a value.
    pub(crate) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            let start = if self.query.is_empty() { '?' } else { '&' };
            // Writing to a String cannot fail.
            let _ = write!(self.query, "{start}{name}={}", encode(&value.to_string()));
        }
        self
    }

    /// Adds a header, if it has a value.
    pub(crate) fn header(mut self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        self.headers
            .extend(value.map(|value| (HeaderName::from_static(name), value.into())));
        self
    }

    pub(crate) fn json(self, body: &impl Serialize) -> anyhow::Result<Self> {
        let body = serde_json::to_vec(body)?;
        Ok(self
            .header("content-type", Some("application/json"))
            .body(body))
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn limits(mut self, timeout: Duration, answer_bytes_max: usize) -> Self {
        self.timeout = timeout;
        self.answer_bytes_max = answer_bytes_max;
        self
    }

    pub(super) fn into_request(self, endpoint: &Endpoint) -> anyhow::Result<Request<Bytes>> {
        let address = endpoint.join(&format!("{}{}", self.path, self.query));
        let mut request = Request::builder().method(self.method).uri(address);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        Ok(request.body(self.body)?)
    }
}

/// A text as one part of a path, or as a query's value.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_parts_are_encoded_once() {
        let endpoint = Endpoint::parse("http://localhost:9550").unwrap();
        let arn = "arn:aws:lambda:us-east-1:000000000000:function:a/b";
        let call = Call::get(format!("/f/{}", encode(arn)))
            .query("Qualifier", Some("$LATEST"))
            .query("Marker", None::<String>)
            .query("MaxItems", Some(5));
        let request = call.into_request(&endpoint).unwrap();
        assert_eq!(
            request.uri().path(),
            "/f/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aa%2Fb"
        );
        assert_eq!(
            request.uri().query(),
            Some("Qualifier=%24LATEST&MaxItems=5")
        );
    }
}
