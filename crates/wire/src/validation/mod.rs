//! The model's constraints, with AWS's own words for each breach.
//!
//! AWS reports later members before earlier ones, and a broken pattern before a broken length.

mod constraint;
mod printed;

use serde_json::Value;

use crate::runtime::offered_constraint;
use crate::schema::{Bounds, Member, Shape};

use printed::Printed;

/// Breaches beyond these are counted by nobody: the first ones say enough, and an answer stays small
/// whatever the request.
const VIOLATIONS_MAX: usize = 32;

/// Checks a value whose JSON types are right already.
///
/// # Errors
/// The whole text of a `ValidationException`.
pub(crate) fn check(shape: &'static Shape, value: &Value) -> Result<(), String> {
    let mut report = Report {
        path: String::new(),
        violations: Vec::new(),
    };
    report.visit(shape, value);
    match report.violations.as_slice() {
        [] => Ok(()),
        [one] => Err(format!("1 validation error detected: {one}")),
        more => Err(format!(
            "{} validation errors detected: {}",
            more.len(),
            more.join("; ")
        )),
    }
}

/// Where the walk is, and what it found.
struct Report {
    path: String,
    violations: Vec<String>,
}

impl Report {
    fn visit(&mut self, shape: &'static Shape, value: &Value) {
        if self.violations.len() >= VIOLATIONS_MAX {
            return;
        }
        match (shape, value) {
            (Shape::Structure(members), Value::Object(object)) => {
                for member in members.iter().rev() {
                    self.visit_member(member, object.get(member.name));
                }
            }
            (
                Shape::List {
                    bounds, element, ..
                },
                Value::Array(list),
            ) => {
                self.size(*bounds, list.len(), shape, value);
                self.visit_elements(shape, element, list, value);
            }
            (Shape::Runtimes(bounds), Value::Array(list)) => {
                self.size(*bounds, list.len(), shape, value);
                let offered = offered_constraint();
                let unknown = |v: &Value| v.as_str().is_none_or(|v| !crate::runtime::is_offered(v));
                if list.iter().any(unknown) {
                    self.add(shape, value, &offered);
                }
            }
            (
                Shape::Map {
                    bounds,
                    key,
                    value: inner,
                    ..
                },
                Value::Object(object),
            ) => {
                self.size(*bounds, object.len(), shape, value);
                let keys_fit = object
                    .keys()
                    .all(|k| constraint::fits(key, &Value::from(k.as_str())));
                if !keys_fit {
                    self.add(
                        shape,
                        value,
                        &format!(
                            "Map keys must satisfy constraint: [{}]",
                            constraint::all(key)
                        ),
                    );
                }
                if !object.values().all(|v| constraint::fits(inner, v)) {
                    self.add(
                        shape,
                        value,
                        &format!(
                            "Map value must satisfy constraint: [{}]",
                            constraint::all(inner)
                        ),
                    );
                }
            }
            _ => {
                for broken in constraint::broken(shape, value) {
                    self.add(shape, value, &broken);
                }
            }
        }
    }

    fn visit_member(&mut self, member: &'static Member, value: Option<&Value>) {
        let parent = self.path.len();
        if parent > 0 {
            self.path.push('.');
        }
        let mut name = member.name.chars();
        self.path
            .extend(name.next().map(|first| first.to_ascii_lowercase()));
        self.path.push_str(name.as_str());
        match value {
            Some(value) => self.visit(member.shape, value),
            None if member.required => {
                self.add(member.shape, &Value::Null, "Member must not be null")
            }
            None => {}
        }
        self.path.truncate(parent);
    }

    /// Structures in a list are checked one by one; simple elements are reported as one list.
    fn visit_elements(
        &mut self,
        shape: &Shape,
        element: &'static Shape,
        list: &[Value],
        value: &Value,
    ) {
        if let Shape::Structure(_) = element {
            let parent = self.path.len();
            for (index, found) in list
                .iter()
                .enumerate()
                .filter(|(_, found)| !found.is_null())
            {
                self.path.push_str(&format!(".{}.member", index + 1));
                self.visit(element, found);
                self.path.truncate(parent);
            }
        }
        let fits = |found: &Value| match element {
            Shape::Structure(_) => !found.is_null(),
            _ => constraint::fits(element, found),
        };
        if !list.iter().all(fits) {
            let all = constraint::all(element);
            self.add(
                shape,
                value,
                &format!("Member must satisfy constraint: [{all}]"),
            );
        }
    }

    fn size(&mut self, bounds: Bounds, size: usize, shape: &Shape, value: &Value) {
        for broken in constraint::broken_length(bounds, size) {
            self.add(shape, value, &broken);
        }
    }

    fn add(&mut self, shape: &Shape, value: &Value, constraint: &str) {
        if self.violations.len() < VIOLATIONS_MAX {
            let value = Printed { shape, value };
            let path = &self.path;
            self.violations.push(format!(
                "Value{value} at '{path}' failed to satisfy constraint: {constraint}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OperationId;

    /// Calls `visit` for a shape and all that are inside it.
    fn walk(shape: &'static Shape, visit: &mut impl FnMut(&'static Shape)) {
        visit(shape);
        match shape {
            Shape::Structure(members) => {
                members.iter().for_each(|member| walk(member.shape, visit))
            }
            Shape::List { element, .. } => walk(element, visit),
            Shape::Map { key, value, .. } => {
                walk(key, visit);
                walk(value, visit);
            }
            _ => {}
        }
    }

    #[test]
    fn every_pattern_of_the_model_compiles() {
        let mut patterns = 0;
        for operation in OperationId::ALL {
            walk(operation.input_shape(), &mut |shape| {
                if let Shape::String {
                    pattern: Some(pattern),
                    ..
                } = shape
                {
                    assert!(pattern.compiles(), "{}", pattern.source());
                    patterns += 1;
                }
            });
        }
        assert!(patterns > 200, "{patterns}");
    }

    /// `constraint::fits` takes a structure inside a map as it comes; the model has none.
    #[test]
    fn no_map_holds_structures() {
        for operation in OperationId::ALL {
            walk(operation.input_shape(), &mut |shape| {
                if let Shape::Map { value, .. } = shape {
                    assert!(!matches!(value, Shape::Structure(_) | Shape::Map { .. }));
                }
            });
        }
    }
}
