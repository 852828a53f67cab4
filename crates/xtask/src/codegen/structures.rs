//! Structures become serde types, and those that requests can hold also become constraint tables.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::Context;

use super::files::Files;
use super::model::{Kind, Model, Reference, Shape};
use super::{enumerations, names};

/// Open on purpose: AWS refuses an unknown runtime with an error of the operation's own.
pub(super) const RUNTIME: &str = "Runtime";

/// Renders every structure that no single operation owns, the enumerations, and their module.
pub(super) fn render(model: &Model, files: &mut Files) -> anyhow::Result<()> {
    let mut modules = String::from("mod enumerations;\n");
    let mut exports = String::from("pub use enumerations::*;\n");
    for (name, shape) in &model.shapes {
        if shape.kind != Kind::Structure || shape.exception || owner(model, name).is_some() {
            continue;
        }
        let module = names::snake(name);
        writeln!(modules, "mod {module};")?;
        writeln!(exports, "pub use {module}::*;")?;
        let code = File::new(model, &[name])?.0;
        files.rust(
            &format!("shapes/{module}.rs"),
            &format!("Shape `{name}`."),
            &code,
        );
    }
    exports.push_str("pub use super::operations::*;\n");
    let about = "Shapes that several operations, or other shapes, use.";
    files.rust("shapes/mod.rs", about, &format!("{modules}\n{exports}"));
    enumerations::render(model, files)
}

/// The operation whose very own input or output a structure is.
pub(super) fn owner<'a>(model: &'a Model, shape: &str) -> Option<&'a str> {
    let nested = model
        .shapes
        .values()
        .flat_map(Shape::references)
        .any(|r| r.shape == shape);
    match model.users(shape).as_slice() {
        [(operation, _)] if !nested => Some(operation),
        _ => None,
    }
}

/// The code of one file that holds the named structures.
pub(super) struct File(pub(super) String);

impl File {
    pub(super) fn new(model: &Model, structures: &[&str]) -> anyhow::Result<Self> {
        let inputs = model.input_shapes();
        let mut body = String::new();
        let mut types = BTreeSet::new();
        let mut constrained = false;
        for &name in structures {
            let structure = Structure {
                model,
                name,
                shape: model.shape(name)?,
            };
            body += &structure.definition(&mut types)?;
            if inputs.contains(name) {
                constrained = true;
                body += &structure.constraints()?;
            }
        }
        types.retain(|name| !structures.contains(&name.as_str()));
        Ok(Self(imports(&body, &types, constrained) + &body))
    }
}

fn imports(body: &str, shapes: &BTreeSet<String>, constrained: bool) -> String {
    let mut text = String::new();
    if body.contains("BTreeMap<") {
        text += "use std::collections::BTreeMap;\n\n";
    }
    if body.contains("Serialize, Deserialize") {
        text += "use serde::{Deserialize, Serialize};\n\n";
    }
    let list = |names: Vec<&str>| names.join(", ");
    let scalars: Vec<&str> = ["Blob", "EpochSeconds"]
        .into_iter()
        .filter(|name| body.contains(&format!("<{name}>")) || body.contains(&format!(": {name},")))
        .collect();
    if constrained && body.contains("constraints::") {
        text += "use crate::generated::constraints;\n";
    }
    if constrained {
        let member = if body.contains("Member::") {
            "Member, "
        } else {
            ""
        };
        text += &format!("use crate::schema::{{{member}Shape}};\n");
    }
    if !scalars.is_empty() {
        text += &format!("use crate::{{{}}};\n", list(scalars));
    }
    let itself = (constrained && body.contains("&shapes::")).then_some("self");
    let names: Vec<&str> = itself
        .into_iter()
        .chain(shapes.iter().map(String::as_str))
        .collect();
    if !names.is_empty() {
        text += &format!("use crate::shapes::{{{}}};\n", list(names));
    }
    text + "\n"
}

struct Structure<'a> {
    model: &'a Model,
    name: &'a str,
    shape: &'a Shape,
}

impl Structure<'_> {
    /// The type; members that travel outside the JSON body are read but never written.
    fn definition(&self, types: &mut BTreeSet<String>) -> anyhow::Result<String> {
        let mut fields = String::new();
        for (member, reference) in self.shape.members.iter() {
            fields += &self.field(member, reference, types)?;
        }
        let sensitive = self.sensitive_members();
        let debug = if sensitive.is_empty() { "Debug, " } else { "" };
        let default = if self.shape.required.is_empty() {
            "Default, "
        } else {
            ""
        };
        let name = self.name;
        let mut text = format!("/// {}\n", self.about());
        writeln!(
            text,
            "#[derive(Clone, {debug}{default}PartialEq, Serialize, Deserialize)]"
        )?;
        if !fields.is_empty() {
            text += "#[serde(rename_all = \"PascalCase\")]\n";
        }
        writeln!(text, "pub struct {name} {{\n{fields}}}\n")?;
        if !sensitive.is_empty() {
            text += &self.redacting_debug(&sensitive);
        }
        Ok(text)
    }

    fn about(&self) -> String {
        let users = self.model.users(self.name);
        if users.is_empty() {
            return format!("Shape `{}`.", self.name);
        }
        let users: Vec<String> = users
            .iter()
            .map(|(operation, side)| format!("{side} of `{operation}`"))
            .collect();
        format!("Shape `{}`: {}.", self.name, users.join(", "))
    }

    fn field(
        &self,
        member: &str,
        reference: &Reference,
        types: &mut BTreeSet<String>,
    ) -> anyhow::Result<String> {
        let field = names::field(member);
        let required = self.shape.required.contains(member);
        let outside = reference.location.is_some() || self.shape.payload.as_deref() == Some(member);
        let mut attributes = Vec::new();
        if names::serde_pascal(&field) != member {
            attributes.push(format!("rename = \"{member}\""));
        }
        if outside {
            attributes.push("skip_serializing".to_owned());
        } else if !required {
            attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
        }
        let mut text = String::new();
        if !attributes.is_empty() {
            writeln!(text, "#[serde({})]", attributes.join(", "))?;
        }
        let inner = rust_type(self.model, &reference.shape, types)?;
        let wrapped = if required {
            inner
        } else {
            format!("Option<{inner}>")
        };
        writeln!(text, "pub {field}: {wrapped},")?;
        Ok(text)
    }

    fn sensitive_members(&self) -> Vec<&str> {
        let sensitive = |reference: &Reference| {
            self.model
                .shapes
                .get(&reference.shape)
                .is_some_and(|shape| {
                    shape.sensitive && shape.kind != Kind::Blob // a blob never shows its bytes
                })
        };
        let members = self
            .shape
            .members
            .iter()
            .filter(|(_, reference)| sensitive(reference));
        members.map(|(member, _)| member.as_str()).collect()
    }

    fn redacting_debug(&self, sensitive: &[&str]) -> String {
        let mut fields = String::new();
        for (member, _) in self.shape.members.iter() {
            let field = names::field(member);
            let shown = if !sensitive.contains(&member.as_str()) {
                format!("&self.{field}")
            } else if self.shape.required.contains(member) {
                "&\"(sensitive)\"".to_owned()
            } else {
                format!("&self.{field}.as_ref().map(|_| \"(sensitive)\")")
            };
            fields += &format!(".field(\"{field}\", {shown})");
        }
        let name = self.name;
        format!(
            "impl std::fmt::Debug for {name} {{\nfn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> \
             std::fmt::Result {{\nf.debug_struct(\"{name}\"){fields}.finish()\n}}\n}}\n\n"
        )
    }

    /// The constraint table of a structure that requests can hold.
    fn constraints(&self) -> anyhow::Result<String> {
        let mut members = String::new();
        for (member, reference) in self.shape.members.iter() {
            let shape = match (member.as_str(), reference.shape.as_str()) {
                (RUNTIME, RUNTIME) => "crate::schema::RUNTIME".to_owned(),
                (_, shape) => constraint_path(self.model, shape)?,
            };
            let name = reference.location_name.as_deref().unwrap_or(member);
            let made = match reference.location.as_deref() {
                _ if self.shape.payload.as_deref() == Some(member) => {
                    format!("Member::payload(\"{member}\", &{shape})")
                }
                None => format!("Member::body(\"{member}\", &{shape})"),
                Some("uri") => format!("Member::label(\"{member}\", &{shape})"),
                Some("querystring") => format!("Member::query(\"{member}\", \"{name}\", &{shape})"),
                Some("header") => {
                    let name = name.to_ascii_lowercase();
                    format!("Member::header(\"{member}\", \"{name}\", &{shape})")
                }
                Some(other) => anyhow::bail!("{}.{member} travels in {other}", self.name),
            };
            let required = self.shape.required.contains(member);
            members += &format!("{made}{},\n", if required { ".required()" } else { "" });
        }
        let name = names::screaming(self.name);
        Ok(format!(
            "pub(crate) static {name}: Shape = Shape::Structure(&[\n{members}]);\n\n"
        ))
    }
}

/// The constraints of a shape: beside its type, or in the table of simple shapes.
pub(super) fn constraint_path(model: &Model, name: &str) -> anyhow::Result<String> {
    let constant = names::screaming(name);
    Ok(match model.shape(name)?.kind {
        Kind::Structure => format!("shapes::{constant}"),
        _ => format!("constraints::{constant}"),
    })
}

/// The Rust type of a shape; notes the generated types it names.
fn rust_type(model: &Model, name: &str, types: &mut BTreeSet<String>) -> anyhow::Result<String> {
    let shape = model.shape(name)?;
    let part = |reference: &Option<Reference>, types: &mut BTreeSet<String>| {
        let reference = reference
            .as_ref()
            .with_context(|| format!("{name} has no element"))?;
        rust_type(model, &reference.shape, types)
    };
    Ok(match shape.kind {
        Kind::Structure => {
            types.insert(name.to_owned());
            name.to_owned()
        }
        Kind::String if !shape.values.is_empty() && name != RUNTIME => {
            types.insert(name.to_owned());
            name.to_owned()
        }
        Kind::String => "String".to_owned(),
        Kind::List => format!("Vec<{}>", part(&shape.member, types)?),
        Kind::Map => {
            format!(
                "BTreeMap<{}, {}>",
                part(&shape.key, types)?,
                part(&shape.value, types)?
            )
        }
        Kind::Integer => "i32".to_owned(),
        Kind::Long => "i64".to_owned(),
        Kind::Double => "f64".to_owned(),
        Kind::Boolean => "bool".to_owned(),
        Kind::Timestamp => "EpochSeconds".to_owned(),
        Kind::Blob => "Blob".to_owned(),
    })
}
