//! What the server and a sandbox's pid 1 say to each other: one postcard value in each message of a
//! SOCK_SEQPACKET pair.

use serde::{Deserialize, Serialize};

/// Most bytes of one message: a program's environment (4 KiB by AWS's limit, as much again by Lambda's own
/// variables) and its arguments fit several times over.
pub const MESSAGE_BYTES_MAX: usize = 32 << 10;

/// What the server asks of pid 1.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Execute a program as a child, with this environment alone.
    Start {
        /// Path and arguments.
        argv: Vec<String>,
        /// Variables.
        env: Vec<(String, String)>,
        /// Working folder.
        cwd: String,
    },
    /// Kill every process but pid 1. Answered by [`Report::Killed`].
    Kill,
}

/// What pid 1 tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// It waits for commands.
    Ready,
    /// The program could not be executed.
    StartFailed {
        /// Error number of exec.
        errno: i32,
    },
    /// The program ended by itself, and nothing that it started is left.
    Exited {
        /// Its status.
        code: i32,
    },
    /// The program ended by a signal, and nothing that it started is left.
    Signaled {
        /// The signal's number.
        signal: i32,
    },
    /// Nothing but pid 1 is left.
    Killed,
    /// The package is unpacked.
    Unpacked {
        /// Bytes of all files.
        bytes: u64,
        /// Files, folders and links.
        entries: u32,
    },
    /// The package is refused; what was written of it is worthless.
    Rejected(Rejection),
}

/// Why a package is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejection {
    /// No zip, or a broken one.
    NotAZip,
    /// More bytes than allowed, whatever it declared.
    TooLarge,
    /// More entries than allowed.
    TooManyEntries,
    /// A path that is absolute, leaves the folder, or cannot be a path.
    BadPath,
    /// A link that leaves the folder.
    BadLink,
    /// Something that is neither file, folder nor link, or is encrypted.
    BadEntry,
    /// It inflates beyond what packages do.
    Ratio,
    /// Entries that share bytes.
    Overlap,
}
