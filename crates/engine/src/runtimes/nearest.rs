//! The interpreter that stands in for one that is not installed, where the operator allows it.

use super::interpreter::{Interpreter, Language};
use lambkin_model::Runtime;

/// The next newer version of the same language, else the next older one.
pub(super) fn nearest(wanted: Runtime, all: &[Interpreter]) -> Option<&Interpreter> {
    let language = Language::of(wanted)?;
    let same = || all.iter().filter(|one| one.language() == language);
    let newer = same()
        .filter(|one| one.runtime > wanted)
        .min_by_key(|one| one.runtime);
    newer.or_else(|| same().max_by_key(|one| one.runtime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_comes_before_older_and_languages_stay_apart() {
        let installed =
            ["python3.9", "python3.12", "python3.13", "nodejs20.x"].map(|name| Interpreter {
                runtime: Runtime::parse(name).unwrap(),
                version: String::new(),
                path: name.into(),
                has_site_packages: false,
            });
        let chosen = |name| {
            let wanted = Runtime::parse(name).unwrap();
            nearest(wanted, &installed).map(|one| one.runtime.to_string())
        };
        assert_eq!(chosen("python3.10").as_deref(), Some("python3.12"));
        assert_eq!(chosen("python3.14").as_deref(), Some("python3.13"));
        assert_eq!(chosen("nodejs24.x").as_deref(), Some("nodejs20.x"));
        assert_eq!(
            nearest(Runtime::parse("nodejs22.x").unwrap(), &installed[..3]).map(|o| o.runtime),
            None
        );
    }
}
