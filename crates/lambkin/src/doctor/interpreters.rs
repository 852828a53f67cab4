//! Interpreters that functions can run on.

use lambkin_engine::runtimes::{Config, Runtimes};

use super::finding::Finding;
use crate::serve;
use crate::settings::Settings;

const SUBJECT: &str = "interpreters";

pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let found = tempfile::tempdir()
        .map_err(anyhow::Error::from)
        .and_then(|folder| {
            let config = Config {
                dir: folder.path().to_owned(),
                ..serve::runtimes_config(settings, &settings.data_dir)
            };
            Ok(Runtimes::discover(config)?.list())
        });
    match found {
        Ok(found) if found.is_empty() => vec![Finding::missing(
            SUBJECT,
            "none: only custom runtimes (provided.*) run",
            "apt install python3 nodejs, or name others under [[runtimes]]",
        )],
        Ok(found) => found
            .iter()
            .map(|one| {
                Finding::good(
                    SUBJECT,
                    format!("{}: {} ({})", one.runtime, one.version, one.path.display()),
                )
            })
            .collect(),
        Err(error) => vec![Finding::failed(
            SUBJECT,
            format!("{error:#}"),
            "mend [[runtimes]] in the settings file",
        )],
    }
}
