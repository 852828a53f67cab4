//! Text from the path, query or headers as the JSON value that the model wants.

use serde_json::{Number, Value};

use crate::schema::Shape;

use super::conform::cannot;

/// Fails with AWS's text where the text is no such value.
pub(super) fn value(shape: &Shape, text: &str) -> Result<Value, String> {
    let number = match shape {
        Shape::Boolean => {
            return text
                .parse()
                .map(Value::Bool)
                .map_err(|_| cannot("STRING_VALUE", shape));
        }
        Shape::Integer(_) => text.parse::<i32>().ok().map(Number::from),
        Shape::Long(_) => text.parse::<i64>().ok().map(Number::from),
        Shape::Double(_) => text.parse().ok().and_then(Number::from_f64),
        Shape::Timestamp => epoch_seconds(text).and_then(Number::from_f64),
        _ => return Ok(Value::String(text.to_owned())),
    };
    number
        .map(Value::Number)
        .ok_or_else(|| cannot("STRING_VALUE", shape))
}

/// ISO 8601, or seconds since 1970.
fn epoch_seconds(text: &str) -> Option<f64> {
    let parsed = text.parse::<jiff::Timestamp>().ok();
    parsed
        .map(|time| time.as_duration().as_secs_f64())
        .or_else(|| text.parse().ok())
}
