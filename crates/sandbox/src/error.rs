//! Why a sandbox or an unpacked package was not had.

use std::io;

pub use lambkin_init::message::Rejection;

/// Why a call to the spawner failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process that makes sandboxes has ended; only a restart of the server brings it back.
    #[error("the spawner process is gone")]
    SpawnerGone,
    /// The kernel refused a step of the creation; nothing of the sandbox is left.
    #[error("cannot make a sandbox: {step}: {source}")]
    Creation {
        /// What was being done.
        step: String,
        /// What the kernel answered.
        source: io::Error,
    },
    /// The exchange with the spawner or with pid 1 failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Why a package was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The package itself is at fault.
    #[error("the package is refused: {0:?}")]
    Rejected(Rejection),
    /// The sandbox it was to be unpacked in is.
    #[error(transparent)]
    Sandbox(#[from] Error),
}
