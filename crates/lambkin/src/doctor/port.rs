//! The address that the server is to listen on.

use lambkin_api::Listener;

use super::finding::Finding;
use crate::settings::Settings;

const SUBJECT: &str = "address";

/// Listens for a moment, which is the only way to know.
pub(super) fn check(settings: &Settings) -> Finding {
    match Listener::bind(settings.listen) {
        Ok(_) => Finding::good(SUBJECT, format!("{} is free", settings.listen)),
        Err(error) => Finding::missing(
            SUBJECT,
            format!("{error:#}"),
            "nothing to do if that is Lambkin's own server; else end it, or choose another with --listen",
        ),
    }
}
