//! GetFunctionConfiguration.

use super::{configuration, refused};
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::{Engine, functions};
use lambkin_wire::shapes::GetFunctionConfigurationRequest;

pub(super) fn answer(
    engine: &Engine,
    request: GetFunctionConfigurationRequest,
) -> Result<Response<Body>, Error> {
    let target = Target::resolve(
        engine.scope(),
        &request.function_name,
        request.qualifier.as_deref(),
    )?;
    let function = engine
        .functions()
        .find(&target.name, target.qualifier.as_ref())
        .ok_or(functions::Error::NotFound)
        .map_err(refused(engine, &target))?;
    let qualified = target.qualifier.is_some();
    let shown = configuration::shown(engine, &function, qualified);
    response::json(StatusCode::OK, &shown)
}
