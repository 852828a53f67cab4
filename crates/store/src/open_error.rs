//! Why a data folder cannot be opened, for the person who started the server.

use std::io;
use std::path::{Path, PathBuf};

/// Why a data folder cannot be opened: what, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has it.
    #[error(
        "the data folder {} is in use by the server with pid {pid}; stop that one or choose another folder with --data-dir",
        folder.display()
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The holder, as it said itself.
        pid: String,
    },
    /// A newer version of this program has written it.
    #[error(
        "the data folder {} has schema {found}, which this version does not know; start the version that made it, or a newer one",
        folder.display()
    )]
    Newer {
        /// The folder.
        folder: PathBuf,
        /// Its schema's number.
        found: String,
    },
    /// A file of ours holds something else.
    #[error("{} is not a file of Lambkin's; choose another folder with --data-dir", file.display())]
    NotAFolderOfOurs {
        /// The file.
        file: PathBuf,
    },
    /// The master key is another one.
    #[error(
        "the master key in {} did not seal the data folder {}; name the right one with --master-key-file",
        file.display(),
        folder.display()
    )]
    WrongKey {
        /// The folder.
        folder: PathBuf,
        /// The key's file.
        file: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database refused.
    #[error("cannot open the database: {0}")]
    Database(#[from] rusqlite::Error),
    /// A first read or write failed.
    #[error("cannot prepare the store: {0}")]
    Store(#[from] crate::Error),
}

impl OpenError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}
