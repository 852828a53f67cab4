//! SAM templates: from a file to the functions it describes.
//!
//! ```text
//! file ─▶ document (one JSON form of YAML and JSON) ─▶ intrinsics resolved ─▶ Globals merged ─▶ functions
//!                                                           └──────────────┴── what is not understood, by name
//! ```

mod document;
mod function;
mod globals;
mod intrinsic;
mod locate;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Map, Value};

pub(crate) use function::{Build, Function, Source};
pub(crate) use locate::{TemplateFile, find};

use intrinsic::Resolver;

const FUNCTION: &str = "AWS::Serverless::Function";
/// What a template has besides parameters, globals and resources, and that changes nothing here.
const NEUTRAL: [&str; 4] = [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
];
const SECTIONS: [&str; 3] = ["Parameters", "Globals", "Resources"];

/// Account and region that pseudo parameters stand for.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
}

/// What a template asks for.
#[derive(Debug, Default)]
pub(crate) struct Template {
    pub(crate) functions: Vec<Function>,
    pub(crate) rejected: Vec<Rejected>,
    /// Names of what has no effect.
    pub(crate) not_understood: Vec<String>,
}

/// A function that cannot be deployed as it is described.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) logical_id: String,
    pub(crate) runtime: Option<String>,
    pub(crate) reason: String,
    /// What it can be deployed with once it exists.
    pub(crate) awaits: Option<PathBuf>,
}

impl Template {
    /// Reads a template and everything it says about functions.
    pub(crate) fn read(file: &TemplateFile, place: &Place) -> anyhow::Result<Self> {
        let document = document::read(&file.path)
            .with_context(|| format!("{} is no template", file.path.display()))?;
        Self::of(&document, file, place)
            .with_context(|| format!("{} is no template", file.path.display()))
    }

    fn of(document: &Value, file: &TemplateFile, place: &Place) -> anyhow::Result<Self> {
        let document = document.as_object().context("it is not a mapping")?;
        let resources = section(document, "Resources").context("it has no Resources")?;
        let mut resolver = Resolver::new(document, place);
        let mut template = Self::default();
        let known = NEUTRAL.iter().chain(&SECTIONS);
        let known: Vec<&str> = known.copied().collect();
        let unknown = document
            .keys()
            .filter(|name| !known.contains(&name.as_str()));
        template.not_understood.extend(unknown.cloned());
        let globals = globals::of_functions(section(document, "Globals"), &mut resolver);
        for (logical_id, resource) in resources {
            template.add(logical_id, resource, &globals, &mut resolver, file);
        }
        template
            .not_understood
            .extend(resolver.into_not_understood());
        Ok(template)
    }

    fn add(
        &mut self,
        logical_id: &str,
        resource: &Value,
        globals: &Map<String, Value>,
        resolver: &mut Resolver<'_>,
        file: &TemplateFile,
    ) {
        let kind = resource
            .get("Type")
            .and_then(Value::as_str)
            .unwrap_or("no Type");
        if kind != FUNCTION {
            self.not_understood.push(format!("{logical_id} ({kind})"));
            return;
        }
        let properties = resource.get("Properties").and_then(Value::as_object);
        let properties = function::understood(logical_id, properties, resolver);
        let merged = globals::merge(globals.clone(), properties);
        let described = function::Described {
            logical_id,
            resource,
            properties: merged,
        };
        match described.read(file, resolver) {
            Ok(function) => self.functions.push(function),
            Err(rejected) => self.rejected.push(rejected),
        }
    }
}

fn section<'a>(document: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    document.get(name).and_then(Value::as_object)
}

/// Physical names of the functions, by logical id.
type Names = BTreeMap<String, String>;

/// The folder that a template's relative paths start from.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests;
