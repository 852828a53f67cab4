//! What a runtime may do next, as AWS's Runtime API holds it.
//!
//! ```text
//!           next            event             response           sent
//! Started ───────▶ Ready ───────▶ Running ───────────────▶ Invocation(Error)Response ───▶ ResponseSent
//!    │ init/error    ▲                │ next: same event                                        │ next
//!    ▼               └──────────────────────────────────────────────────────────────────────────┘
//! InitError
//! ```

use std::fmt;

/// A runtime's state, named as AWS names it in error texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The program was started and has not called yet.
    Started,
    /// It said that it cannot start.
    InitError,
    /// It waits for an event.
    Ready,
    /// It has one.
    Running,
    /// It is sending a response.
    InvocationResponse,
    /// It is sending an error.
    InvocationErrorResponse,
    /// The response is here; the runtime has not asked for more.
    ResponseSent,
}

/// What the runtime asked for is not allowed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
)]
pub(crate) struct InvalidTransition {
    from: State,
    to: State,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResponseSent => f.write_str("RuntimeResponseSentState"),
            other => fmt::Debug::fmt(other, f),
        }
    }
}

impl State {
    /// The state after a call of the runtime's, or why the call is refused.
    pub(crate) fn step(self, to: Self) -> Result<Self, InvalidTransition> {
        use State::*;
        match (self, to) {
            (Started | Ready | ResponseSent, Ready)
            | (Started, InitError)
            | (Running, InvocationResponse | InvocationErrorResponse) => Ok(to),
            // A runtime that lost the event gets it again.
            (Running, Ready) => Ok(Running),
            (from, to) => Err(InvalidTransition { from, to }),
        }
    }

    /// Whether the runtime holds an event that it has not answered.
    pub(crate) fn has_event(self) -> bool {
        matches!(
            self,
            Self::Running | Self::InvocationResponse | Self::InvocationErrorResponse
        )
    }
}

#[cfg(test)]
mod tests {
    use super::State::*;

    #[test]
    fn the_ways_of_a_runtime() {
        let ready = Started.step(Ready).unwrap();
        assert_eq!(ready.step(Ready), Ok(Ready));
        assert_eq!(Running.step(Ready), Ok(Running), "the same event again");
        assert_eq!(Running.step(InvocationResponse), Ok(InvocationResponse));
        assert_eq!(ResponseSent.step(Ready), Ok(Ready));
        assert_eq!(Started.step(InitError), Ok(InitError));
    }

    #[test]
    fn what_is_not_allowed_says_so_in_awss_words() {
        let refused = ResponseSent.step(InvocationResponse).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "State transition from RuntimeResponseSentState to InvocationResponse failed for runtime. \
             Error: State transition is not allowed"
        );
        for (from, to) in [
            (Ready, InitError),
            (Running, InitError),
            (InitError, Ready),
            (InitError, InitError),
            (Ready, InvocationResponse),
            (InvocationResponse, InvocationErrorResponse),
            (InvocationResponse, Ready),
        ] {
            assert!(from.step(to).is_err(), "{from:?} to {to:?}");
        }
    }
}
