//! GetFunction: the configuration, the tags, and where the code can be fetched for a while.

use super::{Context, configuration, refused};
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::functions;
use lambkin_model::Function;
use lambkin_wire::admin::CODE;
use lambkin_wire::shapes::{FunctionCodeLocation, GetFunctionRequest};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) fn answer(
    context: &Context<'_>,
    request: GetFunctionRequest,
) -> Result<Response<Body>, Error> {
    let engine = context.engine;
    let target = Target::resolve(
        engine.scope(),
        &request.function_name,
        request.qualifier.as_deref(),
    )?;
    let functions = engine.functions();
    let function = functions
        .find(&target.name, target.qualifier.as_ref())
        .ok_or(functions::Error::NotFound)
        .map_err(refused(engine, &target))?;
    // Tags are the function's, whichever of its versions is asked for.
    let latest = functions.get(&target.name);
    let tags = latest.as_ref().unwrap_or(&function).tags.as_map();
    let answer = Answer {
        configuration: configuration::shown(engine, &function, target.qualifier.is_some()),
        code: FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            location: Some(location(context, &function)),
            ..FunctionCodeLocation::default()
        },
        tags: (!tags.is_empty()).then_some(tags),
    };
    response::json(StatusCode::OK, &answer)
}

/// GetFunctionResponse, as far as there is something to say.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    configuration: configuration::Shown,
    code: FunctionCodeLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a BTreeMap<String, String>>,
}

/// An address of this server, signed for this very package.
fn location(context: &Context<'_>, function: &Function) -> String {
    let path = format!("{CODE}{}/{}", function.name, function.code.blob);
    let timeout = context.shared.limits.code_location_timeout;
    context
        .shared
        .keys
        .presigned(context.authority, &path, timeout)
}
