//! TagResource.

use super::{refused, tagged};
use crate::error::Error;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_wire::shapes::TagResourceRequest;

pub(super) async fn answer(
    engine: &Engine,
    request: TagResourceRequest,
) -> Result<Response<Body>, Error> {
    let target = tagged::function(engine.scope(), &request.resource)?;
    if request.tags.is_empty() {
        return Err(Error::Parameter(
            "An error occurred and the request cannot be processed.".into(),
        ));
    }
    let tagged = engine.functions().tag(&target.name, request.tags).await;
    tagged.map_err(refused(engine, &target))?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}
