//! `cargo xtask tidy`: the crate rules and the house rules that no compiler lint covers.

mod crates;
mod promises;
mod sources;

use anyhow::bail;

/// Prints every breach, then fails if there was one.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut breaches = crates::check()?;
    breaches.extend(sources::check()?);
    breaches.extend(promises::check()?);
    for breach in &breaches {
        println!("{breach}");
    }
    if breaches.is_empty() {
        Ok(())
    } else {
        bail!("{} breaches of the rules", breaches.len())
    }
}
