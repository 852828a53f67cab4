//! Dependencies between our crates point one way; each allowed arrow stands in this table.

use std::fs;

use crate::workspace;

/// (crate, what of ours it may depend on)
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("wire", &[]),
    ("init", &[]),
    ("sandbox", &["init"]),
    ("store", &["model"]),
    ("engine", &["model", "store", "sandbox", "wire"]),
    ("api", &["model", "store", "engine", "wire"]),
    ("cli", &["wire"]),
    (
        "lambkin",
        &["model", "wire", "store", "sandbox", "engine", "api", "cli"],
    ),
    ("xtask", &["wire"]),
];

/// Every arrow that the table does not have, and every crate that it does not know.
pub(super) fn check() -> anyhow::Result<Vec<String>> {
    let mut breaches = Vec::new();
    for entry in fs::read_dir(workspace::root().join("crates"))? {
        let folder = entry?;
        let name = folder.file_name().to_string_lossy().into_owned();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            breaches.push(format!(
                "crates/{name}: not in the table of crates (tidy/crates.rs)"
            ));
            continue;
        };
        let manifest: toml::Table =
            fs::read_to_string(folder.path().join("Cargo.toml"))?.parse()?;
        for dependency in ours(&manifest) {
            if !allowed.contains(&dependency.as_str()) {
                breaches.push(format!("crates/{name}: may not depend on {dependency}"));
            }
        }
    }
    Ok(breaches)
}

fn ours(manifest: &toml::Table) -> Vec<String> {
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table
        .into_iter()
        .flat_map(|table| table.keys())
        .filter_map(|key| key.strip_prefix("lambkin-").map(str::to_owned))
        .collect()
}
