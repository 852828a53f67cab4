//! From a routed request to one JSON object, by member name, that holds what the model allows.
//!
//! Labels, query and headers are text and become what the model says; the body is JSON already, or
//! one payload member. Then [`conform`] settles JSON types (a failure is AWS's serialisation error)
//! and [`validation`](crate::validation) checks the constraints.

mod conform;
mod text;

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::route::Route;
use crate::schema::{Location, Member, Shape};
use crate::{Blob, json_check, validation};

/// Why an input is refused, with AWS's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// `ValidationException`: a member breaks a constraint of the model.
    #[error("{0}")]
    Validation(String),
    /// `SerializationException`: the body is not JSON, or a member has the wrong JSON type.
    #[error("{0}")]
    Serialization(String),
}

/// Gathers and validates the input of an operation.
///
/// Unknown members and `null`s are dropped. A raw payload (of `Invoke`, for instance) becomes base64
/// under its member's name, unless it is empty: callers that use the payload as it came pass an
/// empty body. The size of `body` is the caller's to limit.
///
/// # Errors
/// AWS's own text for the first wrong JSON type, or for all broken constraints together.
pub fn input(
    route: &Route,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, InputError> {
    let shape = route.operation.input_shape();
    let Shape::Structure(members) = shape else {
        return Ok(Value::Object(Map::new()));
    };
    let mut object = body_members(members, body)?;
    for member in *members {
        let value = match member.location {
            Location::Body | Location::Payload => continue,
            Location::Label => label_value(route, member)?,
            Location::Query(name) => query_value(query.unwrap_or_default(), name, member)?,
            Location::Header(name) => header_value(headers, name, member)?,
        };
        object.extend(value.map(|value| (member.name.to_owned(), value)));
    }
    let input = Value::Object(object);
    validation::check(shape, &input).map_err(InputError::Validation)?;
    Ok(input)
}

/// The members that the body holds.
fn body_members(members: &[Member], body: &[u8]) -> Result<Map<String, Value>, InputError> {
    let payload = members
        .iter()
        .find(|member| member.location == Location::Payload);
    if let Some(member) = payload {
        return payload_member(member, body);
    }
    if body.is_empty()
        || !members
            .iter()
            .any(|member| member.location == Location::Body)
    {
        return Ok(Map::new());
    }
    let mut object = match parsed(body)? {
        Value::Object(object) => object,
        other => return Err(InputError::Serialization(conform::not_a_structure(&other))),
    };
    // What travels elsewhere must not be taken from the body.
    let in_body = |name: &str| {
        members
            .iter()
            .any(|member| member.location == Location::Body && member.name == name)
    };
    object.retain(|name, _| in_body(name));
    conform::members(members, &mut object).map_err(InputError::Serialization)?;
    Ok(object)
}

fn payload_member(member: &Member, body: &[u8]) -> Result<Map<String, Value>, InputError> {
    let mut object = Map::new();
    if !body.is_empty() {
        let value = match member.shape {
            Shape::Blob(_) => Value::String(Blob::encode(body)),
            shape => {
                let mut value = parsed(body)?;
                conform::value(shape, &mut value).map_err(InputError::Serialization)?;
                value
            }
        };
        object.insert(member.name.to_owned(), value);
    }
    Ok(object)
}

fn parsed(body: &[u8]) -> Result<Value, InputError> {
    serde_json::from_slice(body).map_err(|error| {
        let text = json_check::parse_error(body)
            .err()
            .unwrap_or_else(|| error.to_string());
        InputError::Serialization(format!("Could not parse request body into json: {text}"))
    })
}

fn label_value(route: &Route, member: &Member) -> Result<Option<Value>, InputError> {
    route
        .label(member.name)
        .map(|text| typed(member.shape, text))
        .transpose()
}

fn query_value(query: &str, name: &str, member: &Member) -> Result<Option<Value>, InputError> {
    let mut values = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decoded(key) == name).then(|| form_decoded(value))
    });
    match member.shape {
        Shape::List { element, .. } => {
            let values: Vec<Value> = values
                .map(|text| typed(element, &text))
                .collect::<Result<_, _>>()?;
            Ok((!values.is_empty()).then_some(Value::Array(values)))
        }
        shape => values.next().map(|text| typed(shape, &text)).transpose(),
    }
}

fn header_value(
    headers: &HeaderMap,
    name: &str,
    member: &Member,
) -> Result<Option<Value>, InputError> {
    let value = headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.map(|text| typed(member.shape, &text)).transpose()
}

fn typed(shape: &Shape, text: &str) -> Result<Value, InputError> {
    text::value(shape, text).map_err(InputError::Serialization)
}

/// Percent-decoded, with `+` for a blank as in forms.
fn form_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let text = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned())
}
