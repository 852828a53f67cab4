//! DeleteFunction: all of a function, or one version of it.

use super::refused;
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use http::{Response, StatusCode};
use lambkin_engine::Engine;
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
    let functions = engine.functions();
    let deleted = match target.qualifier {
        None => functions.delete(&target.name).await,
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
        Some(Qualifier::Version(number)) => functions.delete_version(&target.name, number).await,
    };
    // What may be missing is the function, never the version alone.
    let function = Target {
        qualifier: None,
        ..target
    };
    deleted.map_err(refused(engine, &function))?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}
