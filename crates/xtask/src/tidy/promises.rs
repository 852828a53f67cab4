//! Each numbered promise of SPECIFICATION.md names the test that proves it, and that test exists.

use std::fs;
use std::path::Path;

use crate::workspace;

/// A promise line reads `P12. text` and ends, maybe lines later, with ``Proof: `path::name` ``.
pub(super) fn check() -> anyhow::Result<Vec<String>> {
    let root = workspace::root();
    let text = fs::read_to_string(root.join("SPECIFICATION.md"))?;
    let mut breaches = Vec::new();
    let mut open: Option<&str> = None;
    for line in text.lines() {
        if let Some(number) = promise_number(line) {
            breaches.extend(open.map(|number| format!("SPECIFICATION.md: {number} has no proof")));
            open = Some(number);
        }
        if let Some((_, proofs)) = line.split_once("Proof: ") {
            let number = open.take().unwrap_or("a proof without a promise");
            breaches.extend(proofs.split('`').skip(1).step_by(2).filter_map(|proof| {
                let reason = missing(&root, proof)?;
                Some(format!("SPECIFICATION.md: {number}: {reason}"))
            }));
        }
    }
    breaches.extend(open.map(|number| format!("SPECIFICATION.md: {number} has no proof")));
    Ok(breaches)
}

fn promise_number(line: &str) -> Option<&str> {
    let (number, _) = line.split_once(". ")?;
    let digits = number.strip_prefix('P')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(number)
}

/// Why `path::test` is no proof, if it is none.
fn missing(root: &Path, proof: &str) -> Option<String> {
    let Some((path, test)) = proof.rsplit_once("::") else {
        return Some(format!("`{proof}` is not of the form path::test"));
    };
    match fs::read_to_string(root.join(path)) {
        Err(_) => Some(format!("no file {path}")),
        Ok(text) if text.contains(&format!("fn {test}(")) => None,
        Ok(text) if text.contains(&format!("def {test}(")) => None,
        // A check of the guest, in shell.
        Ok(text) if text.contains(&format!("\n{test}() {{")) => None,
        Ok(_) => Some(format!("no test {test} in {path}")),
    }
}
