//! The one place where an error becomes HTTP.
//!
//! Every refusal of this crate and of the layers below arrives here as a typed value and leaves as AWS's
//! code, status and body. Internal texts go to the log, never to the client.

use crate::response::{self, Body, JSON};
use crate::{body, head, lambda};
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use lambkin_engine::{functions, invoke};
use lambkin_model::{RequestId, State};
use lambkin_wire::{ErrorCode, InputError, sigv4};
use serde::Serialize;
use std::borrow::Cow;

/// Seconds after which a throttled caller may try again: invokes are short.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Head(#[from] head::Error),
    #[error(transparent)]
    Signature(#[from] sigv4::Error),
    #[error("{operation}: {error}")]
    Body {
        operation: &'static str,
        error: body::Error,
    },
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Reference(#[from] lambda::ReferenceError),
    #[error("{arn}: {error}")]
    Function {
        arn: String,
        error: functions::Error,
    },
    #[error("{arn}: {error}")]
    Invoke { arn: String, error: invoke::Error },
    /// The payload or the client context of an invoke.
    #[error("{0}")]
    RequestContent(String),
    /// AWS's text for a parameter that breaks a rule of its operation.
    #[error("{0}")]
    Parameter(Cow<'static, str>),
    /// A resource of another kind than functions.
    #[error("{0}")]
    NotFound(Cow<'static, str>),
    /// A name that is not one of the API's operations.
    #[error("no operation")]
    UnknownOperation,
    /// What AWS has and this server does not yet.
    #[error("{0} is not implemented yet.")]
    NotImplemented(Cow<'static, str>),
    /// As many clients as may follow logs do.
    #[error("as many clients as may follow logs do")]
    TooManyFollowers,
    /// The server has not read its functions yet.
    #[error("The server is starting. Try again in a moment.")]
    NotReady,
    /// A part of the server failed; the text is for its log.
    #[error("{0}")]
    Internal(String),
}

/// What the client is told.
struct Told {
    status: StatusCode,
    code: ErrorCode,
    /// `None` where AWS sends `null`.
    message: Option<Cow<'static, str>>,
    /// Why a caller is throttled.
    reason: Option<&'static str>,
}

impl Error {
    /// The answer. `headers` are the request's: they say which form the client reads.
    pub(crate) fn into_response(self, headers: &HeaderMap, id: RequestId) -> Response<Body> {
        let closes = matches!(&self, Self::Body { .. });
        let told = self.told(id);
        let mut response =
            if told.code == ErrorCode::MissingAuthenticationToken && !asks_for_json(headers) {
                response::whole(
                    told.status,
                    HeaderValue::from_static("text/xml"),
                    told.xml(),
                )
            } else {
                response::whole(told.status, JSON, told.json())
            };
        let headers = response.headers_mut();
        headers.insert(ERROR_TYPE, HeaderValue::from_static(told.code.as_str()));
        if told.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(RETRY_AFTER, RETRY_AFTER_S);
        }
        if closes {
            // What is left of the body is not waited for.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn told(self, id: RequestId) -> Told {
        use ErrorCode as Code;
        match self {
            Self::Head(error) => head_told(&error),
            Self::Signature(error) => Told::new(error.code(), error.to_string()),
            Self::Body { operation, error } => body_told(operation, &error),
            Self::Input(InputError::Validation(text)) => Told::new(Code::Validation, text),
            Self::Input(InputError::Serialization(text)) => Told::new(Code::Serialization, text),
            Self::Reference(error) => reference_told(&error),
            Self::Function { arn, error } => function_told(&arn, error, id),
            Self::Invoke { arn, error } => invoke_told(&arn, error, id),
            Self::RequestContent(text) => Told::new(Code::InvalidRequestContent, text),
            Self::Parameter(text) => Told::new(Code::InvalidParameterValue, text),
            Self::NotFound(text) => Told::new(Code::ResourceNotFound, text),
            Self::UnknownOperation => Told {
                message: None,
                ..Told::new(Code::UnknownOperation, "")
            },
            Self::NotImplemented(_) => Told::new(Code::NotImplemented, self.to_string()),
            Self::TooManyFollowers => Told::throttled("CallerRateLimitExceeded"),
            Self::NotReady => Told {
                status: StatusCode::SERVICE_UNAVAILABLE,
                ..Told::new(Code::Service, self.to_string())
            },
            Self::Internal(text) => Told::internal(&text, id),
        }
    }
}

impl Told {
    fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let status =
            StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            code,
            message: Some(message.into()),
            reason: None,
        }
    }

    fn throttled(reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..Self::new(ErrorCode::TooManyRequests, "Rate Exceeded.")
        }
    }

    /// The text stays here; the request's id finds it.
    fn internal(text: &str, id: RequestId) -> Self {
        tracing::error!(request_id = %id, "request failed: {text}");
        Self::new(
            ErrorCode::Service,
            "The service failed. Its log says why, under this request's id.",
        )
    }

    fn json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Object<'t> {
            #[serde(rename = "Reason", skip_serializing_if = "Option::is_none")]
            reason: Option<&'t str>,
            #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
            fault: Option<&'t str>,
            #[serde(rename = "Message", skip_serializing_if = "Option::is_none")]
            upper: Option<Option<&'t str>>,
            #[serde(rename = "message", skip_serializing_if = "Option::is_none")]
            lower: Option<Option<&'t str>>,
        }
        let fault = if self.status.is_server_error() {
            "Service"
        } else {
            "User"
        };
        let message = self.message.as_deref();
        let upper = self.code.message_key() == "Message";
        let object = Object {
            reason: self.reason,
            fault: self.code.has_type().then_some(fault),
            upper: upper.then_some(message),
            lower: (!upper).then_some(message),
        };
        // Strings always serialise.
        serde_json::to_vec(&object).unwrap_or_default()
    }

    fn xml(&self) -> Vec<u8> {
        let (code, message) = (
            self.code.as_str(),
            self.message.as_deref().unwrap_or_default(),
        );
        format!("<{code}>\n  <Message>{message}</Message>\n</{code}>\n").into_bytes()
    }
}

/// AWS answers in XML to clients that never mention JSON, such as a browser.
fn asks_for_json(headers: &HeaderMap) -> bool {
    let mentions = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
            .is_some_and(|value| value.contains("json"))
    };
    mentions(ACCEPT) || mentions(CONTENT_TYPE)
}

fn head_told(error: &head::Error) -> Told {
    let text = error.to_string();
    match error {
        head::Error::NoHost => Told::new(ErrorCode::InvalidRequestContent, text),
        head::Error::Host(_) | head::Error::Origin(_) => Told::new(ErrorCode::AccessDenied, text),
        head::Error::Lines(_) | head::Error::Bytes(_) => Told {
            status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ..Told::new(ErrorCode::RequestTooLarge, text)
        },
    }
}

fn body_told(operation: &str, error: &body::Error) -> Told {
    match error {
        body::Error::TooLarge { limit } => Told::new(
            ErrorCode::RequestEntityTooLarge,
            format!("Request must be smaller than {limit} bytes for the {operation} operation"),
        ),
        body::Error::TooSlow => Told {
            status: StatusCode::REQUEST_TIMEOUT,
            ..Told::new(
                ErrorCode::InvalidRequestContent,
                "The request's body did not arrive in time.",
            )
        },
        body::Error::Broken => Told::new(
            ErrorCode::InvalidRequestContent,
            "The request's body broke off.",
        ),
        body::Error::Busy => Told::throttled("CallerRateLimitExceeded"),
    }
}

fn reference_told(error: &lambda::ReferenceError) -> Told {
    let text = error.to_string();
    match error {
        lambda::ReferenceError::TooLong(_) | lambda::ReferenceError::QualifierMismatch => {
            Told::new(ErrorCode::InvalidParameterValue, text)
        }
        lambda::ReferenceError::NotFound(_) | lambda::ReferenceError::OtherRegion { .. } => {
            Told::new(ErrorCode::ResourceNotFound, text)
        }
        // Recorded without a text.
        lambda::ReferenceError::OtherAccount => Told {
            message: None,
            ..Told::new(ErrorCode::AccessDenied, "")
        },
    }
}

fn function_told(arn: &str, error: functions::Error, id: RequestId) -> Told {
    use functions::Error as Verb;
    match error {
        Verb::NotFound => Told::new(
            ErrorCode::ResourceNotFound,
            format!("Function not found: {arn}"),
        ),
        Verb::Exists => {
            let name = arn.rsplit(':').next().unwrap_or(arn);
            Told::new(
                ErrorCode::ResourceConflict,
                format!("Function already exist: {name}"),
            )
        }
        Verb::Invalid(text) => Told::new(ErrorCode::InvalidParameterValue, text),
        Verb::NotActive(state) => not_active(state),
        Verb::UpdateInProgress => Told::new(
            ErrorCode::ResourceConflict,
            format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
            ),
        ),
        Verb::StaleRevision => Told::new(
            ErrorCode::PreconditionFailed,
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        ),
        Verb::PackageTooLarge(bytes_max) => Told::new(
            ErrorCode::RequestEntityTooLarge,
            format!("Zipped size must be smaller than {bytes_max} bytes"),
        ),
        Verb::CodeStorageExceeded => Told::new(
            ErrorCode::CodeStorageExceeded,
            "Code storage limit exceeded.",
        ),
        Verb::Internal(text) => Told::internal(&text, id),
    }
}

fn invoke_told(arn: &str, error: invoke::Error, id: RequestId) -> Told {
    match error {
        invoke::Error::NotFound => Told::new(
            ErrorCode::ResourceNotFound,
            format!("Function not found: {arn}"),
        ),
        invoke::Error::NotActive(state) => not_active(state),
        invoke::Error::Throttled(reason) => Told::throttled(throttle_reason(reason)),
        invoke::Error::Unrecorded => Told::new(
            ErrorCode::Service,
            "The disk of the server's data folder is full: the invoke would leave no usage record.",
        ),
        invoke::Error::Internal(text) => Told::internal(&text, id),
    }
}

fn throttle_reason(reason: invoke::ThrottleReason) -> &'static str {
    match reason {
        invoke::ThrottleReason::ConcurrentInvocationLimitExceeded => {
            "ConcurrentInvocationLimitExceeded"
        }
        invoke::ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded => {
            "ReservedFunctionConcurrentInvocationLimitExceeded"
        }
    }
}

fn not_active(state: State) -> Told {
    Told::new(
        ErrorCode::ResourceConflict,
        format!(
            "The operation cannot be performed at this time. The function is currently in the following state: {state:?}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use lambkin_engine::invoke::ThrottleReason;

    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

    async fn answered(error: Error, accept: &str) -> (u16, HeaderMap, String) {
        let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
        let response = error.into_response(&headers, RequestId::random());
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            parts.status.as_u16(),
            parts.headers,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    async fn assert_told(error: Error, status: u16, code: &str, body: &str) {
        let (found, headers, text) = answered(error, "application/json").await;
        assert_eq!((found, text.as_str()), (status, body));
        assert_eq!(headers["x-amzn-errortype"], code);
        assert_eq!(headers[CONTENT_TYPE], "application/json");
    }

    fn function(error: functions::Error) -> Error {
        Error::Function {
            arn: ARN.into(),
            error,
        }
    }

    #[tokio::test]
    async fn errors_have_the_recorded_code_and_body() {
        assert_told(
            function(functions::Error::NotFound),
            404,
            "ResourceNotFoundException",
            &format!(r#"{{"Type":"User","Message":"Function not found: {ARN}"}}"#),
        )
        .await;
        assert_told(
            function(functions::Error::UpdateInProgress),
            409,
            "ResourceConflictException",
            &format!(
                r#"{{"Type":"User","message":"The operation cannot be performed at this time. An update is in progress for resource: {ARN}"}}"#
            ),
        )
        .await;
        assert_told(
            function(functions::Error::Exists),
            409,
            "ResourceConflictException",
            r#"{"Type":"User","message":"Function already exist: f"}"#,
        )
        .await;
        let text = "1 validation error detected: ..".to_owned();
        assert_told(
            Error::Input(InputError::Validation(text)),
            400,
            "ValidationException",
            r#"{"message":"1 validation error detected: .."}"#,
        )
        .await;
        assert_told(
            Error::Reference(lambda::ReferenceError::OtherAccount),
            403,
            "AccessDeniedException",
            r#"{"Message":null}"#,
        )
        .await;
        assert_told(
            Error::Body { operation: "InvokeFunction", error: body::Error::TooLarge { limit: 6_291_456 } },
            413,
            "RequestEntityTooLargeException",
            r#"{"message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#,
        )
        .await;
    }

    #[tokio::test]
    async fn a_throttled_caller_learns_why_and_when() {
        let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
        let error = Error::Invoke {
            arn: ARN.into(),
            error: invoke::Error::Throttled(reason),
        };
        let (status, headers, body) = answered(error, "*/*").await;
        assert_eq!((status, headers[RETRY_AFTER].to_str().unwrap()), (429, "1"));
        assert_eq!(
            body,
            r#"{"Reason":"ConcurrentInvocationLimitExceeded","Type":"User","message":"Rate Exceeded."}"#
        );
    }

    #[tokio::test]
    async fn internal_texts_stay_inside() {
        let (status, _, body) = answered(Error::Internal("disk /dev/x".into()), "*/*").await;
        assert_eq!(status, 500);
        assert!(
            !body.contains("disk") && body.contains(r#""Type":"Service""#),
            "{body}"
        );
    }

    #[tokio::test]
    async fn who_does_not_ask_for_json_reads_xml() {
        let missing = || Error::Signature(sigv4::Error::Missing);
        let (status, headers, body) = answered(missing(), "text/html").await;
        assert_eq!(
            (status, headers[CONTENT_TYPE].to_str().unwrap()),
            (403, "text/xml")
        );
        assert!(
            body.contains("<Message>Missing Authentication Token</Message>"),
            "{body}"
        );
        let (_, _, body) = answered(missing(), "application/json").await;
        assert_eq!(body, r#"{"message":"Missing Authentication Token"}"#);
    }
}
