//! The read-only parts of a sandbox's root, as the server asks the spawner for them. Plain values.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A read-only bind, or copy, of the machine's files into a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bind {
    /// A file or folder of the machine, bound with everything mounted below it.
    pub source: PathBuf,
    /// Absolute path inside. Made if it is missing, unless it lies inside an earlier bind.
    pub target: PathBuf,
    /// Copied as it is when a root is made first, so that its path on the machine does not show inside. For a small
    /// folder, at most 4 MiB, of plain files and folders.
    pub copied: bool,
}

/// The read-only parts of a root: same value, same template (made once, cloned for each sandbox).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Root {
    /// Applied in order over the standard root (/usr, /lib*, synthetic /etc, /dev, ...); at most 64.
    pub binds: Vec<Bind>,
}
