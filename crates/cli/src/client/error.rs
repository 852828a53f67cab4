//! An error answer of the server, in AWS's form.

use http::{HeaderMap, StatusCode};

/// What the server said.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({code})")]
pub(crate) struct ServiceError {
    pub(crate) code: String,
    message: String,
}

impl ServiceError {
    /// The code stands in a header, up to a colon; the text under one of two names.
    pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let code = headers
            .get("x-amzn-errortype")
            .and_then(|code| code.to_str().ok());
        let code = code.and_then(|code| code.split(':').next());
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let message = json
            .get("message")
            .or_else(|| json.get("Message"))
            .and_then(|text| text.as_str());
        Self {
            code: code.unwrap_or(status.as_str()).to_owned(),
            message: message
                .unwrap_or(status.canonical_reason().unwrap_or("no text"))
                .to_owned(),
        }
    }

    /// Whether an error of a call is this code of the server's.
    pub(crate) fn is(error: &anyhow::Error, code: &str) -> bool {
        error
            .downcast_ref::<Self>()
            .is_some_and(|error| error.code == code)
    }

    pub(super) fn is_about_keys(&self) -> bool {
        ["UnrecognizedClientException", "InvalidSignatureException"].contains(&self.code.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_the_text_are_read() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-amzn-errortype",
            "ResourceNotFoundException:http://x".parse().unwrap(),
        );
        for body in [
            r#"{"Message":"gone"}"#,
            r#"{"Type":"User","message":"gone"}"#,
        ] {
            let error = ServiceError::read(StatusCode::NOT_FOUND, &headers, body.as_bytes());
            assert_eq!(error.to_string(), "gone (ResourceNotFoundException)");
        }
    }

    #[test]
    fn an_answer_that_is_not_awss_is_still_told() {
        let error = ServiceError::read(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html>");
        assert_eq!(error.to_string(), "Bad Gateway (502)");
    }
}
