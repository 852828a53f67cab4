//! What a caller asks for: the parts of a sandbox's root, its limits, and the program to run in it.
//!
//! Plain values. What they become is told in `creation.rs`; what of them cannot be had, in `missing.rs`.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::code_trees::CodeTree;

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

/// What a sandbox is made of.
pub struct Spec {
    /// The read-only parts of its root.
    pub root: Root,
    /// Mounted at /var/task.
    pub code: CodeTree,
    /// Memory of all its processes together, without swap.
    pub memory_bytes: u64,
    /// Size of its /tmp.
    pub tmp_bytes: u64,
    /// Processes and threads at one time.
    pub processes_max: u32,
}

/// A program to run inside as the sandbox's user; stdout and stderr go to the sandbox's log pipe.
pub struct Program {
    /// The executable's path and its arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Absolute path of its working folder.
    pub cwd: String,
}

/// Bounds of one unpacking.
pub struct UnpackLimits {
    /// Unpacked size of all entries together.
    pub bytes_max: u64,
    /// Files and folders.
    pub entries_max: u32,
    /// Wall-clock time of the whole unpacking.
    pub timeout: Duration,
}
