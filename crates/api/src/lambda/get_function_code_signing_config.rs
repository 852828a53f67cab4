//! GetFunctionCodeSigningConfig: no function has one.

use super::refused;
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::{Engine, functions};
use lambkin_wire::shapes::GetFunctionCodeSigningConfigRequest;

pub(super) fn answer(
    engine: &Engine,
    request: GetFunctionCodeSigningConfigRequest,
) -> Result<Response<Body>, Error> {
    let scope = engine.scope();
    let target = Target::resolve(scope, &request.function_name, None)?.unversioned(scope)?;
    engine
        .functions()
        .find(&target.name, None)
        .ok_or(functions::Error::NotFound)
        .map_err(refused(engine, &target))?;
    // Both members are missing then, which AWS's model says are there.
    response::json(StatusCode::OK, &serde_json::json!({}))
}
