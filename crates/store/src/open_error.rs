//! Why a data folder is not opened. Each text says what to do.

use crate::Error;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Why a data folder is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server holds the folder.
    #[error(
        "the data folder {} is in use by process {pid}; stop that server or name another folder with --data-dir", .folder.display()
    )]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// The holder, or `unknown` in the moment before it says so.
        pid: String,
    },
    /// A newer version has written the folder.
    #[error(
        "the data folder {} has schema {found}, newer than {known}, the newest that this version knows; use the newer version of lambkin", .folder.display(), known = crate::tables::schema::VERSION
    )]
    Newer {
        /// The data folder.
        folder: PathBuf,
        /// The number that was found.
        found: String,
    },
    /// `VERSION` holds no number.
    #[error("{} holds no schema number; name an empty folder or one of lambkin's with --data-dir", .file.display())]
    NotAFolderOfOurs {
        /// The file.
        file: PathBuf,
    },
    /// A folder such as `/tmp`.
    #[error("{} is shared by all users; name a folder of the server's own with --data-dir", .folder.display())]
    Shared {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder that others use.
    #[error(
        "{} is not lambkin's: it has no VERSION file, and holds {}; as a data folder it would be closed to all but the server, so name a new folder, an empty one or one of lambkin's with --data-dir", .folder.display(), .entry.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// One of those that are not ours.
        entry: OsString,
    },
    /// The folder was sealed with another master key.
    #[error(
        "the master key {} is not the one that the data folder {} was sealed with; set master_key_file to the right one", .file.display(), .folder.display()
    )]
    WrongKey {
        /// The data folder.
        folder: PathBuf,
        /// The key file.
        file: PathBuf,
    },
    /// A cap on logs below 1 MiB.
    #[error("log_function_mib and log_total_mib must be at least 1")]
    LogCapTooSmall,
    /// The file system failed.
    #[error("cannot {what} {}: {why}; check the disk and who owns the data folder", .path.display())]
    Io {
        /// What was to be done.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said. No source of this error: the text has it.
        why: io::Error,
    },
    /// The database or the journal could not be brought up to date.
    #[error("cannot open the database: {0}; check the disk and who owns the data folder")]
    Database(String),
}

impl OpenError {
    pub(crate) fn io(what: &'static str, path: &Path, why: io::Error) -> Self {
        Self::Io {
            what,
            path: path.to_owned(),
            why,
        }
    }

    /// The same of the folder as the user named it, where the server sees it at another place.
    #[must_use]
    pub fn named(mut self, seen: &Path, given: &Path) -> Self {
        let path = match &mut self {
            Self::Locked { folder, .. }
            | Self::Newer { folder, .. }
            | Self::Shared { folder }
            | Self::Foreign { folder, .. }
            | Self::WrongKey { folder, .. } => folder,
            Self::NotAFolderOfOurs { file } => file,
            Self::Io { path, .. } => path,
            Self::LogCapTooSmall | Self::Database(_) => return self,
        };
        if let Ok(below) = path.strip_prefix(seen) {
            *path = given.components().chain(below.components()).collect();
        }
        self
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        Self::Database(error.to_string())
    }
}
