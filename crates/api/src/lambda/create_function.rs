//! CreateFunction.

use super::{bounds, configuration, logging_config, refused, runtime, snap_start};
use crate::error::Error;
use crate::lambda::Target;
use crate::response::{self, Body};
use bytes::Bytes;
use http::{Response, StatusCode};
use lambkin_engine::Engine;
use lambkin_engine::functions::Create;
use lambkin_model::{Architecture, Environment, FunctionName, Logging, PackageType, Settings};
use lambkin_wire::Blob;
use lambkin_wire::shapes::CreateFunctionRequest;

/// Seconds and MB of a function that asks for nothing else, as on AWS.
const TIMEOUT_S: u32 = 3;
const MEMORY_MB: u32 = 128;
const EPHEMERAL_MB: u32 = 512;

pub(super) async fn answer(
    engine: &Engine,
    request: CreateFunctionRequest,
) -> Result<Response<Body>, Error> {
    bounds::check(request.timeout, request.ephemeral_storage.as_ref())?;
    let named = Target::resolve(engine.scope(), &request.function_name, None)?;
    // What is created is the function, whichever of its versions the name means.
    let target = Target {
        qualifier: None,
        ..named
    };
    let create = read(&target.name, request)?;
    let created = engine
        .functions()
        .create(create)
        .await
        .map_err(refused(engine, &target))?;
    // Without the version also where it is one, as AWS does here alone.
    let shown = configuration::shown(engine, &created, false);
    response::json(StatusCode::CREATED, &shown)
}

fn read(name: &FunctionName, request: CreateFunctionRequest) -> Result<Create, Error> {
    let (Some(runtime), Some(handler)) = (&request.runtime, request.handler) else {
        return Err(Error::Parameter(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
                .into(),
        ));
    };
    let runtime = runtime::parse(runtime)?;
    let variables = request
        .environment
        .map(|environment| environment.variables.unwrap_or_default());
    let settings = Settings {
        runtime,
        role: request.role,
        handler,
        description: request.description.unwrap_or_default(),
        timeout_s: unsigned(request.timeout).unwrap_or(TIMEOUT_S),
        memory_mb: unsigned(request.memory_size).unwrap_or(MEMORY_MB),
        ephemeral_mb: unsigned(request.ephemeral_storage.map(|storage| storage.size))
            .unwrap_or(EPHEMERAL_MB),
        environment: variables
            .map(Environment::new)
            .transpose()
            .map_err(parameter)?,
        logging: logging_config::asked(request.logging_config)
            .apply(&Logging::default_for(name.as_str()))
            .map_err(parameter)?,
        package_type: PackageType::Zip,
        architecture: Architecture::MACHINE,
        snap_start: snap_start::asked(request.snap_start).unwrap_or_default(),
    };
    let package = source(request.code.zip_file)?;
    Ok(Create {
        name: name.clone(),
        settings,
        package,
        tags: request.tags.unwrap_or_default(),
        publish: request.publish.unwrap_or(false),
    })
}

/// A rule of the domain, whose text is AWS's.
fn parameter(error: impl ToString) -> Error {
    Error::Parameter(error.to_string().into())
}

/// The package; a request that names none has no other source yet.
pub(super) fn source(zip_file: Option<Blob>) -> Result<Bytes, Error> {
    let missing = || Error::Parameter("Please provide a source for function code.".into());
    zip_file.map(|zip| zip.0).ok_or_else(missing)
}

/// A number that the model's constraints keep positive.
pub(super) fn unsigned(number: Option<i32>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}
