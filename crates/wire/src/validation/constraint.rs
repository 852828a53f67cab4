//! Single constraints: whether a value keeps them, and how AWS names them.

use serde_json::Value;

use crate::Blob;
use crate::schema::{Bounds, Shape};

/// Each constraint of its own shape that a value breaks, as AWS words it. Not for members inside.
#[allow(clippy::cast_precision_loss)] // sizes and limits are far below 2^52
pub(super) fn broken(shape: &Shape, value: &Value) -> Vec<String> {
    match (shape, value) {
        (
            Shape::String {
                bounds, pattern, ..
            },
            Value::String(text),
        ) => {
            let unmatched = pattern.as_ref().filter(|pattern| !pattern.matches(text));
            let pattern = unmatched.map(|pattern| matching(pattern.source()));
            pattern
                .into_iter()
                .chain(broken_length(*bounds, java_length(text)))
                .collect()
        }
        (Shape::Enumeration(values), Value::String(text)) if !values.contains(&text.as_str()) => {
            vec![one_of(values)]
        }
        (
            Shape::Integer(bounds) | Shape::Long(bounds) | Shape::Double(bounds),
            Value::Number(number),
        ) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            outside(*bounds, number)
                .map(|limit| limit.value())
                .collect()
        }
        (Shape::Blob(bounds), Value::String(text)) => {
            broken_length(*bounds, Blob::decoded_size(text).unwrap_or_default()).collect()
        }
        _ => Vec::new(),
    }
}

/// The limits of a length that `size` breaks.
#[allow(clippy::cast_precision_loss)]
pub(super) fn broken_length(bounds: Bounds, size: usize) -> impl Iterator<Item = String> {
    outside(bounds, size as f64).map(|limit| limit.length())
}

/// Whether an element of a list or map keeps its constraints. A structure inside a map does if it is
/// one: the model has none with constraints there.
pub(super) fn fits(shape: &'static Shape, value: &Value) -> bool {
    match (shape, value) {
        (_, Value::Null) => false,
        (
            Shape::List {
                bounds, element, ..
            },
            Value::Array(list),
        ) => {
            broken_length(*bounds, list.len()).next().is_none()
                && list.iter().all(|value| fits(element, value))
        }
        _ => broken(shape, value).is_empty(),
    }
}

/// All constraints of an element, as AWS lists them.
pub(super) fn all(shape: &'static Shape) -> String {
    let mut all = Vec::new();
    match shape {
        Shape::String {
            bounds, pattern, ..
        } => {
            all.extend(lengths(*bounds));
            all.extend(pattern.as_ref().map(|pattern| matching(pattern.source())));
        }
        Shape::Enumeration(values) => all.push(one_of(values)),
        Shape::Integer(bounds) | Shape::Long(bounds) | Shape::Double(bounds) => {
            all.extend(limits(*bounds).map(|limit| limit.value()));
        }
        Shape::List {
            bounds, element, ..
        } => {
            all.extend(lengths(*bounds));
            all.push(format!(
                "Member must satisfy constraint: [{}]",
                self::all(element)
            ));
        }
        _ => {}
    }
    // AWS leaves this out for the names and values of environment variables, its sensitive strings.
    if !matches!(
        shape,
        Shape::String {
            sensitive: true,
            ..
        }
    ) {
        all.push("Member must not be null".to_owned());
    }
    all.join(", ")
}

fn lengths(bounds: Bounds) -> impl Iterator<Item = String> {
    limits(bounds).map(|limit| limit.length())
}

fn matching(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn one_of(values: &[&str]) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        values.join(", ")
    )
}

/// UTF-16 units, as `String.length()` counts.
fn java_length(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().map(char::len_utf16).sum()
    }
}

/// One end of a range.
enum Limit {
    Max(f64),
    Min(f64),
}

impl Limit {
    fn keeps(&self, number: f64) -> bool {
        match self {
            Self::Max(max) => number <= *max,
            Self::Min(min) => number >= *min,
        }
    }

    fn value(&self) -> String {
        format!("Member must have value {self}")
    }

    fn length(&self) -> String {
        format!("Member must have length {self}")
    }
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max(max) => write!(f, "less than or equal to {max}"),
            Self::Min(min) => write!(f, "greater than or equal to {min}"),
        }
    }
}

fn limits(bounds: Bounds) -> impl Iterator<Item = Limit> {
    bounds
        .max
        .map(Limit::Max)
        .into_iter()
        .chain(bounds.min.map(Limit::Min))
}

fn outside(bounds: Bounds, number: f64) -> impl Iterator<Item = Limit> {
    limits(bounds).filter(move |limit| !limit.keeps(number))
}
