//! ListVersionsByFunction: pages by number, `$LATEST` first.

use super::{configuration, marker, refused};
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::{Engine, functions};
use lambkin_wire::shapes::{ListVersionsByFunctionRequest, ListVersionsByFunctionResponse};

pub(super) fn answer(
    engine: &Engine,
    request: ListVersionsByFunctionRequest,
) -> Result<Response<Body>, Error> {
    let scope = engine.scope();
    let target = Target::resolve(scope, &request.function_name, None)?.unversioned(scope)?;
    let after = marker::asked_of(&target.name, request.marker.as_deref())?;
    let limit = marker::limit(request.max_items);
    let found = engine.functions().versions(&target.name, after, limit + 1);
    let mut page = found
        .ok_or(functions::Error::NotFound)
        .map_err(refused(engine, &target))?;
    let answer = ListVersionsByFunctionResponse {
        next_marker: marker::cut(&mut page, limit),
        versions: Some(
            page.iter()
                .map(|version| configuration::listed(engine, version, true))
                .collect(),
        ),
    };
    response::json(StatusCode::OK, &answer)
}
