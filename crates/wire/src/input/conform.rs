//! JSON types: every member has the one that the model says, or the request is not understood.
//!
//! `null` means absent and unknown members mean nothing; both are dropped, so that what is left
//! deserialises into the typed shape. The depth is the model's, not the request's.

use serde_json::{Map, Value};

use crate::Blob;
use crate::schema::{Member, Shape};

/// Settles the members of a structure.
pub(super) fn members(members: &[Member], object: &mut Map<String, Value>) -> Result<(), String> {
    let known = |name: &str| members.iter().any(|member| member.name == name);
    object.retain(|name, value| known(name) && !value.is_null());
    for member in members {
        if let Some(found) = object.get_mut(member.name) {
            value(member.shape, found)?;
        }
    }
    Ok(())
}

/// Settles one value; `null` elements of lists and maps stay, for validation to refuse.
pub(super) fn value(shape: &Shape, found: &mut Value) -> Result<(), String> {
    match (shape, found) {
        (_, Value::Null) => Ok(()),
        (Shape::Structure(list), Value::Object(object)) => members(list, object),
        (Shape::Structure(_), other) => Err(not_a_structure(other)),
        (Shape::List { element, .. }, Value::Array(list)) => {
            list.iter_mut().try_for_each(|found| value(element, found))
        }
        (Shape::Runtimes(_), Value::Array(list)) => list
            .iter_mut()
            .try_for_each(|found| value(&Shape::Runtime, found)),
        (Shape::List { .. } | Shape::Runtimes(_), other) => Err(unexpected(other, "list")),
        (Shape::Map { value: inner, .. }, Value::Object(object)) => object
            .values_mut()
            .try_for_each(|found| value(inner, found)),
        (Shape::Map { .. }, other) => Err(unexpected(other, "map")),
        (shape, found) => scalar(shape, found),
    }
}

fn scalar(shape: &Shape, found: &Value) -> Result<(), String> {
    let fits = match (shape, found) {
        (Shape::String { .. } | Shape::Enumeration(_) | Shape::Runtime, Value::String(_)) => true,
        (Shape::Blob(_), Value::String(text)) => Blob::decoded_size(text).is_some(),
        (Shape::Boolean, Value::Bool(_)) => true,
        (Shape::Integer(_), Value::Number(number)) => number
            .as_i64()
            .is_some_and(|number| i32::try_from(number).is_ok()),
        (Shape::Long(_), Value::Number(number)) => number.is_i64(),
        (Shape::Double(_) | Shape::Timestamp, Value::Number(_)) => true,
        _ => false,
    };
    match found {
        _ if fits => Ok(()),
        Value::Object(_) | Value::Array(_) => Err(unexpected(found, "value")),
        _ => Err(cannot(token(found), shape)),
    }
}

/// AWS's text for a scalar of the wrong type.
pub(super) fn cannot(token: &str, shape: &Shape) -> String {
    let wanted = match shape {
        Shape::Integer(_) => "an Integer",
        Shape::Long(_) => "a Long",
        Shape::Double(_) => "a Double",
        Shape::Boolean => "a Boolean",
        Shape::Timestamp => "a Timestamp",
        Shape::Blob(_) => "a Blob",
        _ => "a String",
    };
    format!("{token} can not be converted to {wanted}")
}

pub(super) fn not_a_structure(found: &Value) -> String {
    unexpected(found, "structure")
}

fn unexpected(found: &Value, wanted: &str) -> String {
    match found {
        Value::Object(_) => "Start of structure or map found where not expected.".to_owned(),
        Value::Array(_) => "Start of list found where not expected".to_owned(),
        _ => format!("Expected {wanted} or null"),
    }
}

/// Names of JSON tokens as AWS's parser has them.
fn token(found: &Value) -> &'static str {
    match found {
        Value::String(_) => "STRING_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::Null | Value::Array(_) | Value::Object(_) => "NULL_VALUE",
    }
}
