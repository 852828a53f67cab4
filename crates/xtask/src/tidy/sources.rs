//! Rules for source files: a module doc each, no file too long, no catch-all names, `unsafe` in two
//! places, nothing unfinished.

use std::fs;
use std::path::Path;

use walkdir::WalkDir;

use crate::workspace;

/// Longer files hold more than one mechanism.
const FILE_LINES_MAX: usize = 1_000;
const CATCH_ALL_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "manager", "common", "misc",
];
/// The sandbox's two halves, outside and inside.
const UNSAFE_FOLDERS: [&str; 2] = ["crates/sandbox/", "crates/init/src/kernel/"];
/// Split so that this file does not hold the words it looks for.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
];

/// Every breach under `crates/`.
pub(super) fn check() -> anyhow::Result<Vec<String>> {
    let mut breaches = Vec::new();
    let root = workspace::root();
    for entry in WalkDir::new(root.join("crates")).sort_by_file_name() {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|ext| ext == "rs") {
            let shown = path.strip_prefix(&root)?.display().to_string();
            check_file(&shown, path, &fs::read_to_string(path)?, &mut breaches);
        }
    }
    Ok(breaches)
}

fn check_file(shown: &str, path: &Path, text: &str, breaches: &mut Vec<String>) {
    if !text.starts_with("//!") {
        breaches.push(format!("{shown}: opens without a module doc (`//!`)"));
    }
    let generated = shown.contains("/generated/");
    if !generated && text.lines().count() > FILE_LINES_MAX {
        breaches.push(format!("{shown}: over {FILE_LINES_MAX} lines"));
    }
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    if stem.is_some_and(|stem| CATCH_ALL_NAMES.contains(&stem.as_str())) {
        breaches.push(format!(
            "{shown}: a catch-all name; say what the module owns"
        ));
    }
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        if !UNSAFE_FOLDERS
            .iter()
            .any(|folder| shown.starts_with(folder))
            && has_unsafe_code(code)
        {
            breaches.push(format!(
                "{shown}:{}: unsafe outside of {}",
                index + 1,
                UNSAFE_FOLDERS.join(" and ")
            ));
        }
        if UNFINISHED.iter().any(|mark| code.contains(mark)) {
            breaches.push(format!("{shown}:{}: unfinished", index + 1));
        }
    }
}

fn has_unsafe_code(code: &str) -> bool {
    [
        "unsafe {",
        "unsafe fn",
        "unsafe impl",
        "unsafe extern",
        "unsafe(",
    ]
    .iter()
    .any(|form| {
        let quoted = code
            .find('"')
            .is_some_and(|quote| code.find(form).is_some_and(|at| quote < at));
        code.contains(form) && !quoted
    })
}
