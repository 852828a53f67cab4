//! Method and path to operation: one match over the path's segments.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::ensure;

use super::files::Files;
use super::model::Model;

/// Members that stand in the path, and the index of the segment that holds each.
type Labels<'a> = Vec<(&'a str, usize)>;

/// One way to reach an operation.
struct Way<'a> {
    method: &'a str,
    operation: &'a str,
    /// A query parameter that is part of the address, for instance `find=LayerVersion`.
    query: Option<(&'a str, &'a str)>,
    labels: Labels<'a>,
}

pub(super) fn render(model: &Model, files: &mut Files) -> anyhow::Result<()> {
    let mut paths: BTreeMap<Vec<&str>, Vec<Way>> = BTreeMap::new();
    for (operation, details) in model.operations.iter() {
        let (path, query) = match details.http.request_uri.split_once('?') {
            Some((path, query)) => (path, query.split_once('=')),
            None => (details.http.request_uri.as_str(), None),
        };
        let (pattern, labels) = segments(path)?;
        let method = details.http.method.as_str();
        paths.entry(pattern).or_default().push(Way {
            method,
            operation,
            query,
            labels,
        });
    }
    let mut arms = String::new();
    for (pattern, ways) in &mut paths {
        // The ways that need a query parameter come first.
        ways.sort_by_key(|way| (way.method, way.query.is_none()));
        let shown: Vec<String> = pattern.iter().map(|s| shown_segment(s)).collect();
        writeln!(arms, "[{}] => match *method {{", shown.join(", "))?;
        for way in ways.iter() {
            arms += &arm(way)?;
        }
        arms += "_ => None,\n},\n";
    }
    let code = format!(
        "use http::Method;

        use crate::OperationId;
        use crate::route::{{Labels, has_parameter}};

        /// The operation behind a path's segments, and which segments are labels.
        pub(crate) fn find(
            method: &Method, segments: &[&str], query: Option<&str>,
        ) -> Option<(OperationId, Labels)> {{
            match segments {{\n{arms}_ => None,\n}}
        }}\n"
    );
    files.rust("routes.rs", "Every path and method of the API.", &code);
    Ok(())
}

/// The path as a pattern (`_` for labels), and the labels with their places.
fn segments(path: &str) -> anyhow::Result<(Vec<&str>, Labels<'_>)> {
    let mut pattern = Vec::new();
    let mut labels = Vec::new();
    for (index, segment) in path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .enumerate()
    {
        match segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            Some(label) => {
                ensure!(
                    !label.ends_with('+'),
                    "{path}: no greedy label was there before"
                );
                labels.push((label, index));
                pattern.push("_");
            }
            None => pattern.push(segment),
        }
    }
    Ok((pattern, labels))
}

fn shown_segment(segment: &str) -> String {
    if segment == "_" {
        segment.to_owned()
    } else {
        format!("{segment:?}")
    }
}

fn arm(way: &Way) -> anyhow::Result<String> {
    let mut text = format!("Method::{}", way.method);
    if let Some((name, value)) = way.query {
        write!(text, " if has_parameter(query, {name:?}, {value:?})")?;
    }
    writeln!(
        text,
        " => Some((OperationId::{}, &{:?})),",
        way.operation, way.labels
    )?;
    Ok(text)
}
