//! What the spawner is told at its start.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the spawner is told at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SpawnerConfig {
    /// Folder to mount things under, in the spawner's own mount name space (`<data>/sandbox`).
    /// Files that back /tmp are made in its parent and have no name.
    pub work_dir: PathBuf,
    /// The unprivileged user that the server will become, when started as root; never given to a sandbox.
    pub server: Option<(u32, u32)>,
    /// First host uid of the range that environments get, and how many; used only as root.
    pub uids: Range<u32>,
    /// Whether sandboxes get a [`Tunnel`](crate::outbound::Tunnel). Where they cannot, the start fails.
    pub datagrams: bool,
}
