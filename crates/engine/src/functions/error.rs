//! Why a verb was refused or failed, by what the caller can do about it.

use super::LevelOfText;
use lambkin_model::egress::EditError;
use lambkin_model::{EnvironmentError, State, TagsError};

/// Outcome of a verb that did nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no function of this name.
    #[error("not found")]
    NotFound,
    /// There is one already.
    #[error("exists")]
    Exists,
    /// A parameter breaks a rule; the text is AWS's where AWS has the rule.
    #[error("{0}")]
    Invalid(String),
    /// The function is not Active, so it cannot be changed yet.
    #[error("the function is {0:?}")]
    NotActive(State),
    /// The update before this one is not live yet.
    #[error("an update is in progress")]
    UpdateInProgress,
    /// The caller knows an older revision than the latest.
    #[error("stale revision")]
    StaleRevision,
    /// The zip has more bytes than this.
    #[error("the package is not smaller than {0} bytes")]
    PackageTooLarge(u64),
    /// The account's packages would have more bytes than it may have.
    #[error("code storage exceeded")]
    CodeStorageExceeded,
    /// The server failed; the text is for its log.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<EnvironmentError> for Error {
    fn from(error: EnvironmentError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<LevelOfText> for Error {
    fn from(error: LevelOfText) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<EditError> for Error {
    fn from(error: EditError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<TagsError> for Error {
    fn from(error: TagsError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl From<lambkin_store::Error> for Error {
    fn from(error: lambkin_store::Error) -> Self {
        match error {
            lambkin_store::Error::Exists => Self::Exists,
            lambkin_store::Error::NotFound => Self::NotFound,
            lambkin_store::Error::Stale => Self::StaleRevision,
            lambkin_store::Error::Unavailable(text) => Self::Internal(text),
        }
    }
}
