//! UpdateFunctionCode.

use super::create_function::source;
use super::{configuration, refused};
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_engine::functions::UpdateCode;
use lambkin_model::Version;
use lambkin_wire::shapes::UpdateFunctionCodeRequest;

pub(super) async fn answer(
    engine: &Engine,
    request: UpdateFunctionCodeRequest,
) -> Result<Response<Body>, Error> {
    let scope = engine.scope();
    let target = Target::resolve(scope, &request.function_name, None)?.unversioned(scope)?;
    let update = UpdateCode {
        package: source(request.zip_file)?,
        revision_id: request.revision_id,
        dry_run: request.dry_run.unwrap_or(false),
        publish: request.publish.unwrap_or(false),
    };
    let updated = engine
        .functions()
        .update_code(&target.name, update)
        .await
        .map_err(refused(engine, &target))?;
    let published = updated.version != Version::Latest;
    let shown = configuration::shown(engine, &updated, published);
    response::json(StatusCode::OK, &shown)
}
