//! `Lambda-Runtime-Function-Error-Type`: which of a runtime's words AWS keeps.

use hyper::HeaderMap;
use std::borrow::Cow;

/// The header, and the trailer of a streamed response.
pub(crate) const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
/// Longest type that is kept.
const BYTES_MAX: usize = 256;

/// The type under which a failure is reported. The caller's payload is not touched by it.
pub(crate) fn error_type(headers: &HeaderMap) -> Cow<'static, str> {
    let sent = headers
        .get(ERROR_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if sent.len() <= BYTES_MAX && (is_typed(sent, "Runtime.") || is_typed(sent, "Function.")) {
        Cow::Owned(sent.to_owned())
    } else if sent.starts_with("Function.") {
        Cow::Borrowed("Function.Unknown")
    } else {
        Cow::Borrowed("Runtime.Unknown")
    }
}

/// Whether the prefix, a capital and a letter follow each other anywhere.
fn is_typed(text: &str, prefix: &str) -> bool {
    text.match_indices(prefix).any(|(at, _)| {
        let mut after = text[at + prefix.len()..].bytes();
        after.next().is_some_and(|b| b.is_ascii_uppercase())
            && after.next().is_some_and(|b| b.is_ascii_alphabetic())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_forms_are_kept_and_others_are_unknown() {
        let of = |sent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ERROR_TYPE, sent.parse().unwrap());
            error_type(&headers).into_owned()
        };
        assert_eq!(of("Runtime.ImportModuleError"), "Runtime.ImportModuleError");
        assert_eq!(of("my.Function.Broke"), "my.Function.Broke");
        assert_eq!(of("Function.x"), "Function.Unknown");
        assert_eq!(of("ValueError"), "Runtime.Unknown");
        assert_eq!(error_type(&HeaderMap::new()), "Runtime.Unknown");
    }
}
