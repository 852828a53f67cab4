//! The AWS SDKs that functions import without shipping them: trees that a command of the user installs.

use super::interpreter::Language;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Written last by the installation; a tree without it is not whole.
const STAMP: &str = ".complete";

/// Where the trees are or will be. The folder is kept open, since its path may be closed to the user that the
/// server becomes.
pub(super) struct Trees {
    dir: PathBuf,
    folder: OwnedFd,
}

impl Trees {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, dir, flags, Mode::empty())?;
        Ok(Self {
            dir: dir.to_path_buf(),
            folder,
        })
    }

    /// The folder of packages of a whole tree.
    pub(super) fn tree(&self, language: Language) -> Option<PathBuf> {
        let (tree, packages) = match language {
            Language::Python => ("sdk/python", "sdk/python"),
            Language::Node => ("sdk/nodejs", "sdk/nodejs/node_modules"),
        };
        let stamp = statat(&self.folder, format!("{tree}/{STAMP}"), AtFlags::empty());
        stamp.is_ok().then(|| self.dir.join(packages))
    }
}
