//! A package, as it was uploaded: what GetFunction's Code.Location points at.

use crate::error::Error;
use crate::lambda::Context;
use crate::response::{self, Body};
use http::{HeaderValue, Response, StatusCode};
use lambkin_model::FunctionName;

const ZIP: HeaderValue = HeaderValue::from_static("application/zip");

pub(super) async fn answer(
    context: &Context<'_>,
    function: &str,
    blob: &str,
) -> Result<Response<Body>, Error> {
    let functions = context.engine.functions();
    let found = FunctionName::new(function)
        .ok()
        .and_then(|name| functions.with_package(&name, blob));
    let function = found.ok_or_else(|| {
        Error::NotFound(
            "The package is not there any more. GetFunction tells where the present one is.".into(),
        )
    })?;
    let package = functions.package(&function).await;
    let package = package.map_err(|error| Error::Function {
        arn: function.arn(),
        error,
    })?;
    Ok(response::whole(StatusCode::OK, ZIP, package))
}
