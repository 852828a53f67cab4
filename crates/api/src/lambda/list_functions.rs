//! ListFunctions: pages by name, and by version if all versions are asked for.

use super::{configuration, marker};
use crate::error::Error;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_wire::shapes::{ListFunctionsRequest, ListFunctionsResponse};

pub(super) fn answer(
    engine: &Engine,
    request: ListFunctionsRequest,
) -> Result<Response<Body>, Error> {
    let after = marker::asked(request.marker.as_deref())?;
    let limit = marker::limit(request.max_items);
    // `ALL`, the only value that there is: every version, not `$LATEST` alone.
    let qualified = request.function_version.is_some();
    let functions = engine.functions();
    let mut page = if qualified {
        let after = after.as_ref().map(|(name, version)| (name, *version));
        functions.page_all(after, limit + 1)
    } else {
        functions.page(after.as_ref().map(|(name, _)| name), limit + 1)
    };
    let answer = ListFunctionsResponse {
        next_marker: marker::cut(&mut page, limit),
        functions: Some(
            page.iter()
                .map(|function| configuration::listed(engine, function, qualified))
                .collect(),
        ),
    };
    response::json(StatusCode::OK, &answer)
}
