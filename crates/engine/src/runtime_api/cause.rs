//! The X-Ray cause in a runtime's error, which is not the caller's business.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The three members that callers know.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct WithoutCause<'b> {
    #[serde(borrow)]
    error_message: Option<&'b RawValue>,
    #[serde(borrow)]
    error_type: Option<&'b RawValue>,
    #[serde(borrow)]
    stack_trace: Option<&'b RawValue>,
}

/// The error that the caller gets.
pub(crate) fn without_cause(body: &[u8]) -> Bytes {
    let parsed = serde_json::from_slice::<WithoutCause<'_>>(body);
    let stripped = parsed.and_then(|object| serde_json::to_vec(&object));
    stripped.map_or(Bytes::from_static(b"\"Invalid error body\""), Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_kept_from_the_caller() {
        let body =
            br#"{"errorMessage":"m","errorType":"T","stackTrace":["a"],"errorCause":{"x":1}}"#;
        assert_eq!(
            without_cause(body),
            r#"{"errorMessage":"m","errorType":"T","stackTrace":["a"]}"#
        );
        assert_eq!(without_cause(b"nonsense"), "\"Invalid error body\"");
    }
}
