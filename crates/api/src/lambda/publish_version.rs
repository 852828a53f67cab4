//! PublishVersion.

use super::{configuration, refused};
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_engine::functions::Publish;
use lambkin_wire::shapes::PublishVersionRequest;

pub(super) async fn answer(
    engine: &Engine,
    request: PublishVersionRequest,
) -> Result<Response<Body>, Error> {
    let scope = engine.scope();
    let target = Target::resolve(scope, &request.function_name, None)?.unversioned(scope)?;
    let publish = Publish {
        description: request.description,
        code_sha256: request.code_sha256,
        revision_id: request.revision_id,
    };
    let version = engine
        .functions()
        .publish(&target.name, publish)
        .await
        .map_err(refused(engine, &target))?;
    let shown = configuration::shown(engine, &version, true);
    response::json(StatusCode::CREATED, &shown)
}
