//! Signed calls to a server's API, over kept-alive HTTP/1.1 connections.
//!
//! Each call has a time limit and each answer a size limit. Nothing is sent twice.

mod call;
mod error;
mod function;
mod lambda;
mod routes;

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::header::HeaderMap;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambkin_wire::sigv4;

pub(crate) use call::Call;
pub(crate) use error::ServiceError;
pub(crate) use function::{Configuration, FoundFunction, LoggingConfig};
pub(crate) use lambda::{Answered, Invocation};
pub(crate) use routes::LogQuery;

use crate::credentials::Keys;
use crate::endpoint::Endpoint;

/// To a port of one's own machine or network.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An error's body is a short text.
const ERROR_BYTES_MAX: usize = 1024 * 1024;

/// A server and the keys to speak with it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
    endpoint: Endpoint,
    keys: Keys,
    region: String,
}

/// A successful answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    pub(crate) fn new(endpoint: Endpoint, keys: Keys, region: String) -> Self {
        Self {
            http: connections(),
            endpoint,
            keys,
            region,
        }
    }

    /// The variables that point AWS's own clients at the same server, with the same keys.
    pub(crate) fn exports(&self) -> [(&'static str, String); 5] {
        let credentials = &self.keys.credentials;
        [
            ("AWS_ENDPOINT_URL", self.endpoint.to_string()),
            ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
            (
                "AWS_SECRET_ACCESS_KEY",
                credentials.secret_access_key.expose().to_owned(),
            ),
            ("AWS_REGION", self.region.clone()),
            ("AWS_DEFAULT_REGION", self.region.clone()),
        ]
    }

    /// Sends a call and reads its answer; an error answer becomes a [`ServiceError`].
    pub(crate) async fn send(&self, call: Call) -> anyhow::Result<Answer> {
        let (limit, bytes_max) = (call.timeout, call.answer_bytes_max);
        let answer = async {
            let response = self.open(call).await?;
            let (head, body) = response.into_parts();
            let body = collect(body, bytes_max).await?;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body,
            })
        };
        tokio::time::timeout(limit, answer).await.with_context(|| {
            format!(
                "{} gave no answer within {} s",
                self.endpoint,
                limit.as_secs()
            )
        })?
    }

    /// Sends a call whose answer is read as it comes, and may have no end.
    pub(crate) async fn open(&self, call: Call) -> anyhow::Result<Response<Incoming>> {
        let mut request = call.into_request(&self.endpoint)?;
        sigv4::sign(
            &mut request,
            &self.keys.credentials,
            &self.region,
            jiff::Timestamp::now(),
        )?;
        let response = self.dispatch(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = collect(body, ERROR_BYTES_MAX).await?;
        let error = ServiceError::read(head.status, &head.headers, &body);
        match error.is_about_keys() {
            true => Err(anyhow::Error::new(error).context(format!(
                "{} refused the keys from {}; use those of the server: paste the exports it printed, or unset the AWS_ variables and name its folder with --data-dir",
                self.endpoint, self.keys.origin
            ))),
            false => Err(error.into()),
        }
    }

    async fn dispatch(&self, request: Request<Bytes>) -> anyhow::Result<Response<Incoming>> {
        let sent = self.http.request(request.map(Full::new)).await;
        sent.map_err(|error| match error.is_connect() {
            true => anyhow::Error::new(error).context(format!(
                "no server answers at {}; start one with `lambkin serve` or `lambkin dev`, or name another with --endpoint",
                self.endpoint
            )),
            false => anyhow::Error::new(error)
                .context(format!("the connection to {} broke", self.endpoint)),
        })
    }
}

/// Whether a server says that it takes calls; needs no keys.
pub(crate) async fn is_ready(endpoint: &Endpoint) -> bool {
    let Ok(request) = Request::get(endpoint.join("/health")).body(Full::default()) else {
        return false;
    };
    let answer = tokio::time::timeout(CONNECT_TIMEOUT, connections().request(request)).await;
    matches!(answer, Ok(Ok(answer)) if answer.status() == StatusCode::OK)
}

fn connections() -> legacy::Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    legacy::Client::builder(TokioExecutor::new()).build(connector)
}

async fn collect(body: Incoming, bytes_max: usize) -> anyhow::Result<Bytes> {
    let body = Limited::new(body, bytes_max).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the answer cannot be read: {error}"))?;
    Ok(body.to_bytes())
}
