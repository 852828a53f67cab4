//! Generates the wire types of Lambda's REST API from the service model of a pinned botocore.
//!
//! The model is read when this runs and never checked in; its prose is not copied. What is
//! generated lives in `crates/wire/src/generated/` and `docs/coverage.md`, and is checked in.

mod constraints;
mod coverage;
mod enumerations;
mod error_codes;
mod files;
mod model;
mod names;
mod operations;
mod routes;
mod structures;

use crate::setup;

use files::Files;
use model::Model;

/// Writes the generated files, or with `check` compares them with what is checked in.
///
/// # Errors
/// With `check`: the names of the files that drifted.
pub(crate) fn run(check: bool) -> anyhow::Result<()> {
    setup::venv()?;
    let model = Model::load()?;
    let files = generate(&model)?;
    if check {
        files.compare()
    } else {
        files.write()
    }
}

fn generate(model: &Model) -> anyhow::Result<Files> {
    let mut files = Files::default();
    files.rust(
        "mod.rs",
        "Everything made from the service model.",
        "// The fields' meanings are AWS's, whose prose is not copied; tables are as long as the model.\n\
         #![allow(missing_docs, clippy::too_many_lines)]\n\n\
         pub(crate) mod constraints;\npub(crate) mod error_code;\npub(crate) mod operation_id;\n\
         pub(crate) mod operations;\npub(crate) mod routes;\npub(crate) mod shapes;\n",
    );
    structures::render(model, &mut files)?;
    constraints::render(model, &mut files)?;
    operations::render(model, &mut files)?;
    routes::render(model, &mut files)?;
    error_codes::render(model, &mut files)?;
    files.format()?;
    files.add("docs/coverage.md", coverage::render());
    Ok(files)
}
