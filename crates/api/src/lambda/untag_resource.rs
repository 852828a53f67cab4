//! UntagResource.

use super::{refused, tagged};
use crate::error::Error;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_wire::shapes::UntagResourceRequest;

pub(super) async fn answer(
    engine: &Engine,
    request: UntagResourceRequest,
) -> Result<Response<Body>, Error> {
    let target = tagged::function(engine.scope(), &request.resource)?;
    let untagged = engine
        .functions()
        .untag(&target.name, request.tag_keys)
        .await;
    untagged.map_err(refused(engine, &target))?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}
