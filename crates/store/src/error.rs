//! What can go wrong with one call. Opening has its own errors: [`crate::OpenError`].

use crate::seal;

/// Why a call was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key is taken; nothing changed.
    #[error("exists already")]
    Exists,
    /// There is nothing under the key; nothing changed.
    #[error("not found")]
    NotFound,
    /// The row changed meanwhile: its revision is not the expected one.
    #[error("changed meanwhile")]
    Stale,
    /// The disk, the database or a sealed object failed; whether a write took place is known after
    /// the next start. The text is for the operator.
    #[error("the store failed: {0}")]
    Unavailable(String),
}

impl Error {
    /// The store is closing, or a commit failed and the log of the server says why.
    pub(crate) fn not_committed() -> Self {
        Self::Unavailable("not committed; the server's own log says why".to_owned())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Unavailable(format!("database: {error}"))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        // Neither text nor line: a row may hold what must not be logged.
        Self::Unavailable(format!(
            "a stored value is malformed ({:?})",
            error.classify()
        ))
    }
}

impl From<seal::Error> for Error {
    fn from(error: seal::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
