//! The operations: their identities, and one file each for the shapes that are theirs alone.

use std::fmt::Write;

use anyhow::Context;

use super::files::Files;
use super::model::Model;
use super::{names, structures};

/// Where AWS answers with another status than its model says.
const STATUS_AS_SEEN: &[(&str, u16)] = &[("DeleteFunction", 204)];

pub(super) fn render(model: &Model, files: &mut Files) -> anyhow::Result<()> {
    let mut modules = String::new();
    let mut exports = String::new();
    for (name, operation) in model.operations.iter() {
        let module = names::snake(name);
        writeln!(modules, "pub(crate) mod {module};")?;
        let sides = [operation.input(), operation.output()];
        let own: Vec<&str> = sides
            .into_iter()
            .flatten()
            .filter(|shape| structures::owner(model, shape) == Some(name))
            .collect();
        if !own.is_empty() {
            writeln!(exports, "pub use {module}::*;")?;
        }
        let http = &operation.http;
        let about = format!("`{name}`: `{} {}`.", http.method, http.request_uri);
        let code = structures::File::new(model, &own)?.0;
        files.rust(&format!("operations/{module}.rs"), &about, &code);
    }
    let about = "One file per operation: the shapes that are its own.";
    files.rust("operations/mod.rs", about, &format!("{modules}\n{exports}"));
    identities(model, files)
}

fn identities(model: &Model, files: &mut Files) -> anyhow::Result<()> {
    let mut variants = String::new();
    let mut names_arms = String::new();
    let mut statuses = String::new();
    let mut inputs = String::new();
    let mut all = String::new();
    for (name, operation) in model.operations.iter() {
        let http = &operation.http;
        let seen = STATUS_AS_SEEN.iter().find(|(seen, _)| seen == name);
        let status = seen.map_or(http.response_code, |(_, status)| *status);
        writeln!(
            variants,
            "/// `{} {}`\n{name},",
            http.method, http.request_uri
        )?;
        writeln!(names_arms, "Self::{name} => \"{name}\",")?;
        writeln!(statuses, "Self::{name} => {status},")?;
        writeln!(all, "Self::{name},")?;
        let input = operation
            .input()
            .with_context(|| format!("{name} has no input"))?;
        let path = structures::constraint_path(model, input)?;
        writeln!(inputs, "Self::{name} => &{path},")?;
    }
    let code = format!(
        "use crate::schema::Shape;
        use crate::shapes;

        /// An operation of Lambda's REST API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum OperationId {{\n{variants}}}

        impl OperationId {{
            /// Every operation, in the model's order.
            pub const ALL: &'static [Self] = &[\n{all}];

            /// AWS's name, for instance `CreateFunction`.
            pub const fn name(self) -> &'static str {{ match self {{\n{names_arms}}} }}

            /// The HTTP status of success.
            pub const fn success_status(self) -> u16 {{ match self {{\n{statuses}}} }}

            /// The constraints on its input.
            pub(crate) fn input_shape(self) -> &'static Shape {{ match self {{\n{inputs}}} }}
        }}\n"
    );
    files.rust("operation_id.rs", "Which operations there are.", &code);
    Ok(())
}
