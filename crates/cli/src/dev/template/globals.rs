//! `Globals.Function`, merged into functions as SAM does: a function's scalar wins, mappings merge key by
//! key, lists are the global entries and then the function's.

use serde_json::{Map, Value};

use super::function;
use super::intrinsic::Resolver;

/// The properties that all functions begin with; other kinds of globals are named.
pub(super) fn of_functions(
    section: Option<&Map<String, Value>>,
    resolver: &mut Resolver<'_>,
) -> Map<String, Value> {
    let Some(section) = section else {
        return Map::new();
    };
    for kind in section.keys().filter(|kind| *kind != "Function") {
        resolver.name(format!("Globals.{kind}"));
    }
    let properties = section.get("Function").and_then(Value::as_object);
    function::understood("Globals.Function", properties, resolver)
}

pub(super) fn merge(
    mut globals: Map<String, Value>,
    own: Map<String, Value>,
) -> Map<String, Value> {
    for (key, value) in own {
        let merged = match (globals.remove(&key), value) {
            (Some(Value::Object(global)), Value::Object(own)) => merge(global, own).into(),
            // One function has one architecture: its own replaces the global one.
            (_, own) if key == "Architectures" => own,
            (Some(Value::Array(mut global)), Value::Array(own)) => {
                global.extend(own);
                global.into()
            }
            (_, own) => own,
        };
        globals.insert(key, merged);
    }
    globals
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn scalars_replace_mappings_merge_lists_add_up() {
        let globals = object(json!({
            "Timeout": 5, "Runtime": "python3.11", "Environment": {"Variables": {"A": 1, "B": 2}},
            "Layers": ["a"], "Architectures": ["x86_64"],
        }));
        let own = object(json!({
            "Timeout": 9, "Environment": {"Variables": {"B": 3}}, "Layers": ["b"], "Architectures": ["arm64"],
        }));
        let expected = json!({
            "Timeout": 9, "Runtime": "python3.11", "Environment": {"Variables": {"A": 1, "B": 3}},
            "Layers": ["a", "b"], "Architectures": ["arm64"],
        });
        assert_eq!(Value::from(merge(globals, own)), expected);
    }
}
