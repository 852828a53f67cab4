//! Values as AWS prints them in a violation: Java's `toString`, quoted.

use std::fmt;

use serde_json::Value;

use crate::schema::Shape;

/// Longer values are cut: nobody reads them, and an answer must stay small.
const CHARS_MAX: usize = 4_096;

/// ` 'value'` with its leading blank, ` null`, or nothing for a sensitive value.
pub(super) struct Printed<'a> {
    pub(super) shape: &'a Shape,
    pub(super) value: &'a Value,
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if sensitive(self.shape) {
            return Ok(());
        }
        if self.value.is_null() {
            return f.write_str(" null");
        }
        let mut text = String::new();
        print(self.value, &mut text);
        match text.char_indices().nth(CHARS_MAX) {
            Some((end, _)) => write!(f, " '{}...'", &text[..end]),
            None => write!(f, " '{text}'"),
        }
    }
}

fn sensitive(shape: &Shape) -> bool {
    match shape {
        Shape::String { sensitive, .. } => *sensitive,
        Shape::List {
            element, sensitive, ..
        } => *sensitive || self::sensitive(element),
        Shape::Map {
            key,
            value,
            sensitive,
            ..
        } => *sensitive || self::sensitive(key) || self::sensitive(value),
        Shape::Blob(_) => true,
        _ => false,
    }
}

fn print(value: &Value, out: &mut String) {
    match value {
        _ if out.len() > 4 * CHARS_MAX => {}
        Value::String(text) => out.push_str(text),
        Value::Array(list) => {
            out.push('[');
            for (index, value) in list.iter().enumerate() {
                separate(index, out);
                print(value, out);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (index, (key, value)) in object.iter().enumerate() {
                separate(index, out);
                out.push_str(key);
                out.push('=');
                print(value, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn separate(index: usize, out: &mut String) {
    if index > 0 {
        out.push_str(", ");
    }
}
