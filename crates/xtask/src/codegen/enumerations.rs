//! String shapes with a closed set of values become enumerations.

use std::fmt::Write;

use super::files::Files;
use super::model::Model;
use super::{names, structures};

pub(super) fn render(model: &Model, files: &mut Files) -> anyhow::Result<()> {
    let mut code = String::from("use crate::enumeration::enumeration;\n\n");
    for (name, shape) in model
        .shapes
        .iter()
        .filter(|(_, shape)| !shape.values.is_empty())
    {
        if name == structures::RUNTIME {
            writeln!(
                code,
                "/// Every runtime the model knows; the field itself is open."
            )?;
            writeln!(code, "pub const RUNTIMES: &[&str] = &{:?};\n", shape.values)?;
            continue;
        }
        writeln!(
            code,
            "enumeration! {{\n/// Values of `{name}`.\npub enum {name} {{"
        )?;
        for value in &shape.values {
            writeln!(code, "{} = {value:?},", names::variant(value))?;
        }
        code += "}\n}\n\n";
    }
    files.rust("shapes/enumerations.rs", "Closed sets of strings.", &code);
    Ok(())
}
