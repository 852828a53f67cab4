//! DeleteFunction.

use super::refused;
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::{Engine, functions};
use lambkin_model::Qualifier;
use lambkin_wire::shapes::DeleteFunctionRequest;

pub(super) async fn answer(
    engine: &Engine,
    request: DeleteFunctionRequest,
) -> Result<Response<Body>, Error> {
    let target = Target::resolve(
        engine.scope(),
        &request.function_name,
        request.qualifier.as_deref(),
    )?;
    match &target.qualifier {
        None => {}
        Some(Qualifier::Latest) => {
            return Err(Error::Parameter(
                "$LATEST version cannot be deleted without deleting the function.".into(),
            ));
        }
        Some(Qualifier::Alias(_)) => {
            return Err(Error::Parameter(
                "Deletion of aliases is not currently supported.".into(),
            ));
        }
        Some(Qualifier::Version(_)) => {
            return Err(refused(engine, &target)(functions::Error::NotFound));
        }
    }
    engine
        .functions()
        .delete(&target.name)
        .await
        .map_err(refused(engine, &target))?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}
