//! The function that a path of ours names: as such, for what belongs to all versions of it, or one of them.

use crate::error::Error;
use crate::lambda::Context;
use lambkin_engine::functions;
use lambkin_model::{FunctionName, FunctionRef, Qualifier};
use percent_encoding::percent_decode_str;

/// By its name or an ARN of it, without a version.
pub(super) fn named(context: &Context<'_>, text: &str) -> Result<FunctionName, Error> {
    match qualified(context, text)? {
        (name, None) => Ok(name),
        (name, Some(qualifier)) => Err(not_found(context, &format!("{name}:{qualifier}"))),
    }
}

/// By its name or an ARN of it, and which version if it says so.
pub(super) fn qualified(
    context: &Context<'_>,
    text: &str,
) -> Result<(FunctionName, Option<Qualifier>), Error> {
    let text = percent_decode_str(text).decode_utf8_lossy();
    let scope = context.engine.scope();
    let known = FunctionRef::parse(&text).ok().filter(|reference| {
        reference
            .region
            .as_ref()
            .is_none_or(|region| *region == scope.region)
            && reference
                .account
                .as_ref()
                .is_none_or(|account| *account == scope.account)
    });
    known
        .map(|reference| (reference.name, reference.qualifier))
        .ok_or_else(|| not_found(context, &text))
}

/// AWS's words for a function that is not there.
pub(super) fn not_found(context: &Context<'_>, name: &str) -> Error {
    Error::Function {
        arn: context.engine.scope().function_arn(name),
        error: functions::Error::NotFound,
    }
}
