//! Constraint tables of the shapes that are not structures: strings, numbers, lists, maps, blobs.

use std::fmt::Write;

use anyhow::Context;

use super::files::Files;
use super::model::{Kind, Model, Reference, Shape};
use super::names;
use super::structures::{self, RUNTIME};

/// Renders the tables of everything that requests can hold.
pub(super) fn render(model: &Model, files: &mut Files) -> anyhow::Result<()> {
    let mut code =
        String::from("use crate::schema::{Bounds, Pattern, Shape};\nuse crate::shapes;\n\n");
    for name in model.input_shapes() {
        let shape = model.shape(name)?;
        if shape.kind != Kind::Structure {
            let constant = names::screaming(name);
            let table = table(model, name, shape)?;
            writeln!(code, "pub(crate) static {constant}: Shape = {table};")?;
        }
    }
    let about = "Constraints of strings, numbers, lists, maps and blobs that requests can hold.";
    files.rust("constraints.rs", about, &code);
    Ok(())
}

fn table(model: &Model, name: &str, shape: &Shape) -> anyhow::Result<String> {
    let bounds = bounds(shape);
    let sensitive = shape.sensitive;
    Ok(match shape.kind {
        Kind::String if !shape.values.is_empty() => {
            format!("Shape::Enumeration(&{:?})", printed(&shape.values))
        }
        Kind::String => {
            let pattern = match &shape.pattern {
                Some(pattern) => format!("Some(Pattern::new({}))", raw_string(pattern)),
                None => "None".to_owned(),
            };
            format!(
                "Shape::String {{ bounds: {bounds}, pattern: {pattern}, sensitive: {sensitive} }}"
            )
        }
        Kind::Integer => format!("Shape::Integer({bounds})"),
        Kind::Long => format!("Shape::Long({bounds})"),
        Kind::Double => format!("Shape::Double({bounds})"),
        Kind::Boolean => "Shape::Boolean".to_owned(),
        Kind::Timestamp => "Shape::Timestamp".to_owned(),
        Kind::Blob => format!("Shape::Blob({bounds})"),
        Kind::List
            if shape
                .member
                .as_ref()
                .is_some_and(|member| member.shape == RUNTIME) =>
        {
            format!("Shape::Runtimes({bounds})")
        }
        Kind::List => {
            let element = element(model, name, &shape.member)?;
            format!(
                "Shape::List {{ bounds: {bounds}, element: &{element}, sensitive: {sensitive} }}"
            )
        }
        Kind::Map => {
            let key = element(model, name, &shape.key)?;
            let value = element(model, name, &shape.value)?;
            format!(
                "Shape::Map {{ bounds: {bounds}, key: &{key}, value: &{value}, sensitive: {sensitive} }}"
            )
        }
        Kind::Structure => anyhow::bail!("{name} is a structure"),
    })
}

fn element(model: &Model, name: &str, reference: &Option<Reference>) -> anyhow::Result<String> {
    let reference = reference
        .as_ref()
        .with_context(|| format!("{name} has no element"))?;
    let path = structures::constraint_path(model, &reference.shape)?;
    Ok(path
        .strip_prefix("constraints::")
        .unwrap_or(&path)
        .to_owned())
}

fn bounds(shape: &Shape) -> String {
    match (shape.min, shape.max) {
        (None, None) => "Bounds::NONE".to_owned(),
        (min, max) => format!("Bounds {{ min: {}, max: {} }}", bound(min), bound(max)),
    }
}

fn bound(bound: Option<f64>) -> String {
    bound.map_or_else(|| "None".to_owned(), |bound| format!("Some({bound:?})"))
}

fn raw_string(text: &str) -> String {
    let hashes = if text.contains('"') { "#" } else { "" };
    format!("r{hashes}\"{text}\"{hashes}")
}

/// The order in which AWS prints a set of values. Its answers show that of a Java `HashSet` of the
/// strings for long sets, and the last value first for pairs.
fn printed(values: &[String]) -> Vec<String> {
    let mut values = values.to_vec();
    if values.len() <= 2 {
        values.sort_by(|a, b| b.cmp(a));
        return values;
    }
    let buckets = (values.len() * 4 / 3 + 1).next_power_of_two().max(16);
    values.sort_by_key(|value| java_hash(value) as usize & (buckets - 1));
    values
}

/// `HashMap.hash` over `String.hashCode`.
fn java_hash(text: &str) -> u32 {
    let hash = text.encode_utf16().fold(0u32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(unit.into())
    });
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which AWS answered an unknown runtime of a layer in November 2025.
    #[test]
    fn a_long_set_prints_as_recorded() {
        let recorded = "nodejs20.x python3.14 provided.al2023 python3.12 python3.13 nodejs24.x \
            nodejs22.x java25 python3.10 python3.11 java21 ruby3.3 ruby3.4 ruby3.2 python3.8 \
            python3.9 java17 nodejs16.x dotnet10 dotnet8 java11 dotnet6 nodejs18.x provided.al2 \
            java8.al2";
        let recorded: Vec<String> = recorded.split_whitespace().map(str::to_owned).collect();
        // Values of one bucket keep their order; the first three are such.
        let mut rotated = recorded.clone();
        rotated.rotate_left(3);
        assert_eq!(printed(&rotated), recorded);
    }
}
