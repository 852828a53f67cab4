//! Invoke: the hot path. A payload goes in, the function's bytes and AWS's headers come out.

use super::Target;
use crate::error::Error;
use crate::offload;
use crate::response::{self, Body};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use lambkin_engine::{Engine, invoke};
use lambkin_model::{Limits, RequestId, Version};
use lambkin_wire::json_check;
use lambkin_wire::shapes::{InvocationRequest, InvocationType, LogType};
use serde_json::Value;

const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("x-amz-client-context");
const DURABLE_EXECUTION: HeaderName = HeaderName::from_static("x-amz-durable-execution-name");
const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const LOG_TYPE: HeaderName = HeaderName::from_static("x-amz-log-type");
const REMAPPED_LENGTH: HeaderName = HeaderName::from_static("x-amzn-remapped-content-length");
const TENANT_ID: HeaderName = HeaderName::from_static("x-amz-tenant-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// What an event is when the caller sends none.
const NO_EVENT: Bytes = Bytes::from_static(b"{}");

/// How a function is to be invoked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvokeOptions {
    /// Only look whether it could be.
    dry_run: bool,
    /// The answer carries the end of the log.
    tail: bool,
    /// JSON.
    client_context: Option<String>,
    /// The caller's trace, as it came.
    trace: Option<String>,
}

impl InvokeOptions {
    /// Reads the headers of an invoke whose path is known to be valid. `None` if one of them must be
    /// held against the model first.
    pub(crate) fn known(headers: &HeaderMap) -> Option<Result<Self, Error>> {
        if headers.contains_key(DURABLE_EXECUTION) || headers.contains_key(TENANT_ID) {
            return None;
        }
        let dry_run = match headers.get(INVOCATION_TYPE).map(HeaderValue::as_bytes) {
            None | Some(b"RequestResponse") => false,
            Some(b"DryRun") => true,
            Some(_) => return None,
        };
        let tail = match headers.get(LOG_TYPE).map(HeaderValue::as_bytes) {
            None | Some(b"None") => false,
            Some(b"Tail") => true,
            Some(_) => return None,
        };
        Some(Self::with(dry_run, tail, headers))
    }

    /// Reads an input that was held against the model.
    pub(crate) fn of_input(
        engine: &Engine,
        input: Value,
        headers: &HeaderMap,
    ) -> Result<(Target, Self), Error> {
        let request: InvocationRequest = super::typed(input)?;
        let target = Target::resolve(
            engine.scope(),
            &request.function_name,
            request.qualifier.as_deref(),
        )?;
        let dry_run = match request.invocation_type {
            None | Some(InvocationType::RequestResponse) => false,
            Some(InvocationType::DryRun) => true,
            Some(InvocationType::Event) => {
                return Err(Error::NotImplemented("The invocation type Event".into()));
            }
        };
        let options = Self::with(dry_run, request.log_type == Some(LogType::Tail), headers)?;
        Ok((target, options))
    }

    fn with(dry_run: bool, tail: bool, headers: &HeaderMap) -> Result<Self, Error> {
        let client_context = headers
            .get(CLIENT_CONTEXT)
            .map(client_context)
            .transpose()?;
        let trace = headers.get(TRACE_ID).and_then(|value| value.to_str().ok());
        Ok(Self {
            dry_run,
            tail,
            client_context,
            trace: trace.map(str::to_owned),
        })
    }
}

/// Invokes a function and answers with what it gave.
pub(crate) async fn answer(
    engine: &Engine,
    target: Target,
    options: InvokeOptions,
    payload: Bytes,
    id: RequestId,
) -> Result<Response<Body>, Error> {
    let payload = event(payload).await?;
    if options.dry_run {
        let functions = engine.functions();
        let found = functions.find(&target.name, target.qualifier.as_ref());
        return match found {
            Some(_) => Ok(dry()),
            None => Err(not_invoked(engine, &target, invoke::Error::NotFound)),
        };
    }
    let request = invoke::Request {
        request_id: id,
        function: target.name.clone(),
        qualifier: target.qualifier.clone(),
        payload,
        client_context: options.client_context,
        trace: options.trace,
        tail: options.tail,
    };
    match engine.invoke(request).await {
        Ok(answer) => Ok(told(answer)),
        Err(error) => Err(not_invoked(engine, &target, error)),
    }
}

/// The payload, if it is JSON; nothing at all stands for an empty object.
async fn event(payload: Bytes) -> Result<Bytes, Error> {
    if payload.is_empty() {
        return Ok(NO_EVENT);
    }
    let checked = if offload::is_large(payload.len()) {
        let payload = payload.clone();
        offload::run(move || json_check(&payload)).await?
    } else {
        json_check(&payload)
    };
    match checked {
        Ok(()) => Ok(payload),
        Err(text) => Err(Error::RequestContent(text)),
    }
}

/// Base64 of a JSON object, as it reaches the function: decoded.
fn client_context(value: &HeaderValue) -> Result<String, Error> {
    let refused = || {
        Error::RequestContent("Client context must be a valid Base64-encoded JSON object.".into())
    };
    if value.len() > Limits::CLIENT_CONTEXT_BYTES {
        return Err(Error::RequestContent(format!(
            "Client context must have at most {} bytes.",
            Limits::CLIENT_CONTEXT_BYTES
        )));
    }
    let json = STANDARD.decode(value.as_bytes()).map_err(|_| refused())?;
    let object: serde_json::Map<String, Value> =
        serde_json::from_slice(&json).map_err(|_| refused())?;
    drop(object);
    String::from_utf8(json).map_err(|_| refused())
}

/// The answer to a dry run: it ran nothing, so it names no version.
fn dry() -> Response<Body> {
    let mut response = response::empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(REMAPPED_LENGTH, HeaderValue::from_static("0"));
    response
}

fn told(answer: invoke::Answer) -> Response<Body> {
    let mut response = response::whole(StatusCode::OK, response::JSON, answer.payload);
    let headers = response.headers_mut();
    headers.insert(REMAPPED_LENGTH, HeaderValue::from_static("0"));
    headers.insert(
        EXECUTED_VERSION,
        match answer.executed_version {
            Version::Latest => HeaderValue::from_static("$LATEST"),
            Version::Published(number) => HeaderValue::from(number),
        },
    );
    if let Ok(trace) = HeaderValue::try_from(answer.trace) {
        headers.insert(TRACE_ID, trace);
    }
    if answer.failed {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static("Unhandled"));
    }
    if let Some(tail) = answer.log_tail
        && let Ok(tail) = HeaderValue::try_from(STANDARD.encode(&tail))
    {
        headers.insert(LOG_RESULT, tail);
    }
    response
}

/// AWS names the qualifier of a function that was not invoked, even when the caller gave none.
fn not_invoked(engine: &Engine, target: &Target, error: invoke::Error) -> Error {
    let mut arn = target.arn(engine.scope());
    if target.qualifier.is_none() {
        arn.push_str(":$LATEST");
    }
    Error::Invoke { arn, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn answered(failed: bool, log_tail: Option<&'static [u8]>) -> HeaderMap {
        let answer = invoke::Answer {
            payload: Bytes::from_static(b"null"),
            failed,
            executed_version: Version::Latest,
            log_tail: log_tail.map(Bytes::from_static),
            trace: "Root=1-0-0;Parent=0;Sampled=0".into(),
        };
        told(answer).headers().clone()
    }

    #[test]
    fn an_answer_has_aws_headers() {
        let plain = answered(false, None);
        assert_eq!(plain["content-type"], "application/json");
        assert_eq!(plain["x-amz-executed-version"], "$LATEST");
        assert_eq!(plain["x-amzn-remapped-content-length"], "0");
        assert_eq!(plain["x-amzn-trace-id"], "Root=1-0-0;Parent=0;Sampled=0");
        assert_eq!(plain.len(), 4);
        let failed = answered(true, Some(b"START\n"));
        assert_eq!(failed["x-amz-function-error"], "Unhandled");
        assert_eq!(failed["x-amz-log-result"], "U1RBUlQK");
    }

    #[test]
    fn known_headers_are_read_and_others_are_left_to_the_model() {
        let known = |pairs: &[(&'static str, &str)]| InvokeOptions::known(&headers(pairs));
        let plain = known(&[]).unwrap().unwrap();
        assert!(!plain.dry_run && !plain.tail && plain.client_context.is_none());
        let asked = known(&[
            ("x-amz-invocation-type", "DryRun"),
            ("x-amz-log-type", "Tail"),
        ]);
        assert!(matches!(
            asked,
            Some(Ok(InvokeOptions {
                dry_run: true,
                tail: true,
                ..
            }))
        ));
        for unknown in [
            ("x-amz-invocation-type", "Event"),
            ("x-amz-log-type", "Head"),
            ("x-amz-tenant-id", "t"),
        ] {
            assert!(known(&[unknown]).is_none(), "{unknown:?}");
        }
    }

    #[test]
    fn a_client_context_is_a_json_object_in_base64() {
        let context = |json: &str| client_context(&STANDARD.encode(json).parse().unwrap());
        assert_eq!(
            context(r#"{"custom":{"k":"v"}}"#).unwrap(),
            r#"{"custom":{"k":"v"}}"#
        );
        for wrong in ["", "[]", "null", "{", "\u{e9}"] {
            let text = context(wrong).unwrap_err().to_string();
            assert_eq!(
                text,
                "Client context must be a valid Base64-encoded JSON object."
            );
        }
        assert!(client_context(&HeaderValue::from_static("***")).is_err());
        let long = format!(r#"{{"k":"{}"}}"#, "x".repeat(Limits::CLIENT_CONTEXT_BYTES));
        assert!(context(&long).unwrap_err().to_string().contains("3583"));
    }

    #[tokio::test]
    async fn an_event_is_json_and_nothing_is_an_empty_object() {
        assert_eq!(event(Bytes::new()).await.unwrap(), "{}");
        assert_eq!(
            event(Bytes::from_static(b" [1] \n")).await.unwrap(),
            " [1] \n"
        );
        let refused = event(Bytes::from_static(b"abc"))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            refused.starts_with(
                "Could not parse request body into json: Could not parse payload into json: \
                 Unrecognized token 'abc': was expecting (JSON String, Number, Array, Object or \
                 token 'null', 'true' or 'false')\n at [Source: REDACTED"
            ),
            "{refused}"
        );
    }
}
