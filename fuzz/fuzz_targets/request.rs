//! Requests after their signature: route, input and its validation. What passes the validation must fit the shape
//! that the operation's code is given.
//!
//! The input is a request as text: method, target, then a header a line, an empty line, the body.
#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use lambkin_wire::{InputError, OperationId, input, json_check, route, shapes};
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let split = data
        .windows(2)
        .position(|two| two == b"\n\n")
        .unwrap_or(data.len());
    let body = data.get(split + 2..).unwrap_or_default();
    check_json(body);
    let Some((method, uri, headers)) = head(&data[..split]) else {
        return;
    };
    let Some(route) = route(&method, uri.path(), uri.query()) else {
        return;
    };
    match input(&route, uri.query(), &headers, body) {
        Ok(value) => fits(route.operation, value),
        Err(InputError::Validation(text) | InputError::Serialization(text)) => {
            assert!(!text.is_empty());
        }
    }
});

/// Our scanner refuses what serde refuses. It may refuse more: depth, and what follows the value.
fn check_json(body: &[u8]) {
    if !body.is_empty() && json_check(body).is_ok() {
        let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(body);
        if let Err(error) = parsed {
            // Jackson takes what is no UTF-8 inside of texts, lone halves of pairs, and deeper nesting.
            let text = error.to_string();
            let known = [
                "unicode",
                "surrogate",
                "hex escape",
                "recursion",
                "number out of range",
            ];
            assert!(known.iter().any(|part| text.contains(part)), "{text}");
        }
    }
}

fn head(head: &[u8]) -> Option<(Method, Uri, HeaderMap)> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let method = Method::from_bytes(lines.next()?).ok()?;
    let uri = Uri::from_maybe_shared(lines.next()?.to_vec()).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        headers.try_append(name, value).ok()?;
    }
    Some((method, uri, headers))
}

fn fits(operation: OperationId, value: Value) {
    use OperationId::*;
    match operation {
        CreateFunction => shape::<shapes::CreateFunctionRequest>(value),
        UpdateFunctionCode => shape::<shapes::UpdateFunctionCodeRequest>(value),
        UpdateFunctionConfiguration => shape::<shapes::UpdateFunctionConfigurationRequest>(value),
        GetFunction => shape::<shapes::GetFunctionRequest>(value),
        DeleteFunction => shape::<shapes::DeleteFunctionRequest>(value),
        ListFunctions => shape::<shapes::ListFunctionsRequest>(value),
        Invoke => shape::<shapes::InvocationRequest>(value),
        TagResource => shape::<shapes::TagResourceRequest>(value),
        UntagResource => shape::<shapes::UntagResourceRequest>(value),
        _ => {}
    }
}

fn shape<T: DeserializeOwned>(value: Value) {
    if let Err(error) = serde_json::from_value::<T>(value.clone()) {
        panic!("validated, but: {error}: {value}");
    }
}
