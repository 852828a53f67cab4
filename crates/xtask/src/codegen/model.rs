//! The service model as botocore ships it, reduced to what the generator uses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::setup;

/// Has botocore read its own data file, in whatever form this version stores it.
const DUMP: &str = "import json, sys, botocore.loaders as loaders; \
    json.dump(loaders.Loader().load_service_model('lambda', 'service-2', '2015-03-31'), sys.stdout)";

#[derive(Deserialize)]
pub(super) struct Model {
    pub(super) operations: Ordered<Operation>,
    pub(super) shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
pub(super) struct Operation {
    pub(super) http: Http,
    pub(super) input: Option<Reference>,
    pub(super) output: Option<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Http {
    pub(super) method: String,
    pub(super) request_uri: String,
    pub(super) response_code: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    pub(super) shape: String,
    pub(super) location: Option<String>,
    pub(super) location_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) members: Ordered<Reference>,
    #[serde(default)]
    pub(super) required: BTreeSet<String>,
    pub(super) payload: Option<String>,
    pub(super) member: Option<Reference>,
    pub(super) key: Option<Reference>,
    pub(super) value: Option<Reference>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) pattern: Option<String>,
    #[serde(rename = "enum", default)]
    pub(super) values: Vec<String>,
    #[serde(default)]
    pub(super) sensitive: bool,
    #[serde(default)]
    pub(super) exception: bool,
    pub(super) error: Option<ErrorTrait>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorTrait {
    pub(super) http_status_code: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Double,
    Boolean,
    Timestamp,
    Blob,
}

impl Model {
    /// Reads the model from the botocore of the end-to-end tests' environment.
    pub(super) fn load() -> anyhow::Result<Self> {
        let output = Command::new(setup::python()).args(["-c", DUMP]).output()?;
        if !output.status.success() {
            bail!(
                "botocore cannot load its model: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        serde_json::from_slice(&output.stdout).context("botocore's Lambda model has a new form")
    }

    pub(super) fn shape(&self, name: &str) -> anyhow::Result<&Shape> {
        self.shapes
            .get(name)
            .with_context(|| format!("the model has no shape {name}"))
    }

    /// The shapes that can be reached from the named ones, themselves included.
    pub(super) fn reachable<'a>(
        &'a self,
        from: impl Iterator<Item = &'a str>,
    ) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = from.collect();
        while let Some(name) = open.pop() {
            if seen.insert(name)
                && let Some(shape) = self.shapes.get(name)
            {
                open.extend(shape.references().map(|reference| reference.shape.as_str()));
            }
        }
        seen
    }

    /// What requests can hold: the shapes that need constraints.
    pub(super) fn input_shapes(&self) -> BTreeSet<&str> {
        self.reachable(
            self.operations
                .iter()
                .filter_map(|(_, operation)| operation.input()),
        )
    }

    /// Operations that take or give this very shape, each with the side it stands on.
    pub(super) fn users<'a>(&'a self, shape: &str) -> Vec<(&'a str, &'static str)> {
        let mut users = Vec::new();
        for (name, operation) in self.operations.iter() {
            if operation.input() == Some(shape) {
                users.push((name.as_str(), "input"));
            }
            if operation.output() == Some(shape) {
                users.push((name.as_str(), "output"));
            }
        }
        users
    }
}

impl Operation {
    pub(super) fn input(&self) -> Option<&str> {
        self.input
            .as_ref()
            .map(|reference| reference.shape.as_str())
    }

    pub(super) fn output(&self) -> Option<&str> {
        self.output
            .as_ref()
            .map(|reference| reference.shape.as_str())
    }
}

impl Shape {
    pub(super) fn references(&self) -> impl Iterator<Item = &Reference> {
        let members = self.members.iter().map(|(_, reference)| reference);
        members
            .chain(&self.member)
            .chain(&self.key)
            .chain(&self.value)
    }
}

/// A JSON object whose order counts: members are written in the model's order.
pub(super) struct Ordered<T>(Vec<(String, T)>);

impl<T> Ordered<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, T)> {
        self.0.iter()
    }
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderedVisitor(PhantomData))
    }
}

struct OrderedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrderedVisitor<T> {
    type Value = Ordered<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Ordered(entries))
    }
}
