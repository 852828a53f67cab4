//! UpdateFunctionConfiguration.

use super::create_function::unsigned;
use super::{bounds, configuration, logging_config, refused, runtime, snap_start};
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_engine::functions::Update;
use lambkin_wire::shapes::UpdateFunctionConfigurationRequest;

pub(super) async fn answer(
    engine: &Engine,
    request: UpdateFunctionConfigurationRequest,
) -> Result<Response<Body>, Error> {
    bounds::check(request.timeout, request.ephemeral_storage.as_ref())?;
    let scope = engine.scope();
    let target = Target::resolve(scope, &request.function_name, None)?.unversioned(scope)?;
    let update = read(request)?;
    let updated = engine
        .functions()
        .update_configuration(&target.name, update)
        .await
        .map_err(refused(engine, &target))?;
    let shown = configuration::shown(engine, &updated, false);
    response::json(StatusCode::OK, &shown)
}

fn read(request: UpdateFunctionConfigurationRequest) -> Result<Update, Error> {
    Ok(Update {
        revision_id: request.revision_id,
        runtime: request.runtime.as_deref().map(runtime::parse).transpose()?,
        role: request.role,
        handler: request.handler,
        description: request.description,
        timeout_s: unsigned(request.timeout),
        memory_mb: unsigned(request.memory_size),
        ephemeral_mb: unsigned(request.ephemeral_storage.map(|storage| storage.size)),
        environment: request
            .environment
            .map(|environment| environment.variables.unwrap_or_default()),
        logging: logging_config::asked(request.logging_config),
        snap_start: snap_start::asked(request.snap_start),
    })
}
