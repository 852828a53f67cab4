//! ListTags.

use super::{refused, tagged};
use crate::error::Error;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::{Engine, functions};
use lambkin_wire::shapes::{ListTagsRequest, ListTagsResponse};

pub(super) fn answer(engine: &Engine, request: ListTagsRequest) -> Result<Response<Body>, Error> {
    let target = tagged::function(engine.scope(), &request.resource)?;
    let found = engine.functions().get(&target.name);
    let function = found
        .ok_or(functions::Error::NotFound)
        .map_err(refused(engine, &target))?;
    let answer = ListTagsResponse {
        tags: Some(function.tags.as_map().clone()),
    };
    response::json(StatusCode::OK, &answer)
}
