//! Lambda's operations: one file each turns a wire shape into model types, calls the engine, and shapes
//! the answer.

mod bounds;
mod configuration;
mod create_function;
mod delete_function;
mod get_account_settings;
mod get_function;
mod get_function_code_signing_config;
mod get_function_configuration;
mod invoke;
pub(crate) mod isolation;
mod list_functions;
mod list_tags;
mod list_versions_by_function;
mod logging_config;
mod marker;
mod publish_version;
mod reference;
mod runtime;
mod snap_start;
mod tag_resource;
mod tagged;
mod untag_resource;
mod update_function_code;
mod update_function_configuration;

pub(crate) use invoke::{InvokeOptions, answer as invoke};
pub(crate) use reference::{ReferenceError, Target};

use crate::error::Error;
use crate::offload;
use crate::response::Body;
use crate::server::Shared;
use http::Response;
use lambkin_engine::{Engine, functions};
use lambkin_wire::OperationId;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What an operation may use beside its input.
pub(crate) struct Context<'c> {
    pub(crate) shared: &'c Shared,
    pub(crate) engine: &'c Engine,
    /// How the client addressed the server.
    pub(crate) authority: &'c str,
}

/// Serves every implemented operation but Invoke, whose way is shorter.
pub(crate) async fn answer(
    context: &Context<'_>,
    operation: OperationId,
    input: Value,
) -> Result<Response<Body>, Error> {
    let engine = context.engine;
    match operation {
        OperationId::CreateFunction => {
            create_function::answer(engine, offload::run(|| typed(input)).await??).await
        }
        OperationId::DeleteFunction => delete_function::answer(engine, typed(input)?).await,
        OperationId::GetAccountSettings => get_account_settings::answer(engine),
        OperationId::GetFunction => get_function::answer(context, typed(input)?),
        OperationId::GetFunctionCodeSigningConfig => {
            get_function_code_signing_config::answer(engine, typed(input)?)
        }
        OperationId::GetFunctionConfiguration => {
            get_function_configuration::answer(engine, typed(input)?)
        }
        OperationId::ListFunctions => list_functions::answer(engine, typed(input)?),
        OperationId::ListTags => list_tags::answer(engine, typed(input)?),
        OperationId::ListVersionsByFunction => {
            list_versions_by_function::answer(engine, typed(input)?)
        }
        OperationId::PublishVersion => publish_version::answer(engine, typed(input)?).await,
        OperationId::TagResource => tag_resource::answer(engine, typed(input)?).await,
        OperationId::UntagResource => untag_resource::answer(engine, typed(input)?).await,
        OperationId::UpdateFunctionCode => {
            update_function_code::answer(engine, offload::run(|| typed(input)).await??).await
        }
        OperationId::UpdateFunctionConfiguration => {
            update_function_configuration::answer(engine, typed(input)?).await
        }
        other => Err(Error::NotImplemented(other.name().into())),
    }
}

/// The shape of an input that was held against the model.
fn typed<T: DeserializeOwned>(input: Value) -> Result<T, Error> {
    // The error's text may quote a value, and this one is for the log.
    serde_json::from_value(input).map_err(|error| {
        Error::Internal(format!(
            "an input fits its model, not its type ({:?})",
            error.classify()
        ))
    })
}

/// Names the function that a verb was refused for.
fn refused(engine: &Engine, target: &Target) -> impl FnOnce(functions::Error) -> Error {
    let arn = target.arn(engine.scope());
    move |error| Error::Function { arn, error }
}
