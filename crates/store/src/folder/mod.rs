//! The data folder: private, owned by one server at a time, with a schema that this version knows.
//!
//! Owns: `lock` and `VERSION`, and who may open the folder. Refuses: what the other entries hold.

mod lock;
mod ours;
mod prepare;
mod version;

pub use ours::check_data_dir;
pub use prepare::prepare_data_dir;

use crate::OpenError;
use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// An open data folder; the lock is held while this lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is missing, takes the lock, and refuses a newer schema.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        make_private(path).map_err(|source| OpenError::io("prepare", path, source))?;
        let lock = lock::take(path)?;
        version::check(path)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says on disk that the schema is this version's; after migration.
    pub(crate) fn stamp(&self) -> Result<(), OpenError> {
        version::stamp(&self.path)
    }
}

/// A folder of mode 0700, existing or new.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if path.metadata()?.permissions().mode() & 0o777 != 0o700 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Makes names that were added to or removed from a folder durable.
pub(crate) fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
