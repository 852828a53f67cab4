//! Which interpreters this machine has.

use crate::error::Error;
use crate::lambda::Context;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_wire::admin::RuntimeLine;

pub(super) fn answer(context: &Context<'_>) -> Result<Response<Body>, Error> {
    let found = context.engine.runtimes().list().into_iter();
    let lines: Vec<RuntimeLine> = found
        .map(|found| RuntimeLine {
            runtime: found.runtime.to_string(),
            version: found.version,
            path: found.path.display().to_string(),
            sdk: found.sdk,
        })
        .collect();
    response::json(StatusCode::OK, &lines)
}
