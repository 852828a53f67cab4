//! One invocation: admit, place, wait. What happens between is the environment's.

use crate::Inner;
use crate::admission::Refused;
use crate::functions::Lookup;
use crate::invocation::Invocation;
use bytes::Bytes;
use lambkin_model::{FunctionName, Qualifier, RequestId, State, Version};
use std::fmt;
use std::sync::Arc;

/// An invocation as the API accepted it: the payload is JSON or empty.
pub struct Request {
    /// The id that the caller, the function and the log see.
    pub request_id: RequestId,
    /// Which function.
    pub function: FunctionName,
    /// Which version or alias of it.
    pub qualifier: Option<Qualifier>,
    /// The event.
    pub payload: Bytes,
    /// Decoded JSON.
    pub client_context: Option<String>,
    /// Parent trace header, as sent.
    pub trace: Option<String>,
    /// Whether the caller wants the log's last 4 KB.
    pub tail: bool,
}

impl fmt::Debug for Request {
    /// Without the event, which is the customer's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("request_id", &self.request_id)
            .field("function", &self.function)
            .field("payload_bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

/// What the function answered, or how it failed.
#[derive(Debug)]
pub struct Answer {
    /// The function's bytes, or AWS's error object.
    pub payload: Bytes,
    /// The function failed (`X-Amz-Function-Error: Unhandled`).
    pub failed: bool,
    /// The version that ran.
    pub executed_version: Version,
    /// At most 4 KB, if asked for.
    pub log_tail: Option<Bytes>,
    /// `Root=...;Parent=...;Sampled=0`
    pub trace: String,
}

/// AWS's reasons for 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The account's concurrency, or this machine's memory, is used up.
    ConcurrentInvocationLimitExceeded,
    /// The function's own share is used up.
    ReservedFunctionConcurrentInvocationLimitExceeded,
}

/// Why a function did not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No function, version or alias of that name.
    #[error("no such function")]
    NotFound,
    /// It cannot be invoked in this state.
    #[error("the function is {0:?}")]
    NotActive(State),
    /// 429 with this reason; it may work in a moment.
    #[error("throttled: {0:?}")]
    Throttled(ThrottleReason),
    /// The store has no room for its usage record; the store has logged that.
    #[error("there is no room for a usage record")]
    Unrecorded,
    /// Lambkin failed; the text is for the log, not for the caller.
    #[error("internal: {0}")]
    Internal(String),
}

/// Runs one invocation. From `place` on it belongs to the engine: dropping this future loses the answer only.
pub(crate) async fn invoke(engine: &Inner, request: Request) -> Result<Answer, Error> {
    let version = match &request.qualifier {
        None | Some(Qualifier::Latest) => Version::Latest,
        Some(Qualifier::Version(number)) => Version::Published(*number),
        // Aliases cannot be made yet, so there are none.
        Some(Qualifier::Alias(_)) => return Err(Error::NotFound),
    };
    let function = match engine.functions.live(&request.function, version) {
        Some(Lookup::Live(function)) => function,
        Some(Lookup::NotActive(state)) => return Err(Error::NotActive(state)),
        None => return Err(Error::NotFound),
    };
    if engine.host.store.journal().is_full() {
        return Err(Error::Unrecorded);
    }
    let permit = engine.admission.enter().map_err(|refused| match refused {
        Refused::Limit => Error::Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded),
        Refused::Closed => Error::Internal("the server is stopping".to_owned()),
    })?;
    let is_live = || {
        let live = engine.functions.live(&function.name, version);
        matches!(live, Some(Lookup::Live(live)) if Arc::ptr_eq(&live, &function))
    };
    let generation = match engine.pools.find(&function) {
        Some(generation) => generation,
        None => engine.pools.open(&function, is_live),
    };
    let invoked_arn = generation.invoked_arn(request.qualifier.as_ref());
    let (invocation, answer) = Invocation::new(request, invoked_arn, permit);
    generation.place(invocation);
    match answer.await {
        Ok(reply) => reply.answer,
        Err(_) => Err(Error::Internal("the server stopped".to_owned())),
    }
}
