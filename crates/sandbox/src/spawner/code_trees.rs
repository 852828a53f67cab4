//! Unpacked packages: one tmpfs each, written by its unpacker once, read-only from then on.
//!
//! ```text
//! Filling ──seal──▶ Sealed ──copy──▶ Sealed
//!    │ free            │ free
//!    ▼                 ▼
//!   gone              gone (copies in use keep the memory until they end)
//! ```

use std::collections::HashMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, UnmountFlags, unmount};

use crate::code_trees::CODE_TREES_MAX;
use crate::failure::{Failure, at};
use crate::linux::mounts;

/// Folders, and the rounding of each file to whole pages, are not in the sum of the entries' sizes.
const SLACK_BYTES: u64 = 4 << 20;
const PAGE_BYTES: u64 = 4096;
/// The root folder, and folders that a package implies without naming them.
const SLACK_INODES: u64 = 4096;

struct Tree {
    path: PathBuf,
    sealed: bool,
}

pub(super) struct CodeTrees {
    folder: PathBuf,
    trees: HashMap<u64, Tree>,
    last: u64,
}

impl CodeTrees {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            trees: HashMap::new(),
            last: 0,
        }
    }

    /// A new empty tree, and the mount through which its owner, and nobody else, fills it.
    pub(super) fn begin(
        &mut self,
        bytes_max: u64,
        entries_max: u32,
        owner: (u32, u32),
    ) -> Result<(u64, OwnedFd), Failure> {
        if self.trees.len() >= CODE_TREES_MAX {
            return Err(Failure::new("hold another package in memory", Errno::NFILE));
        }
        let tmpfs = mounts::Tmpfs {
            size_bytes: bytes_max.saturating_add(u64::from(entries_max) * PAGE_BYTES + SLACK_BYTES),
            inodes_max: u64::from(entries_max) + SLACK_INODES,
            mode: "755",
            owner: Some(owner),
        };
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
        let mount = tmpfs
            .make(attributes)
            .map_err(at("make memory for a package"))?;
        self.last += 1;
        let path = self.folder.join(self.last.to_string());
        fs::create_dir_all(&path).map_err(at("make the place of a package"))?;
        mounts::attach(&mount, CWD, &path).map_err(at("mount memory for a package"))?;
        self.trees.insert(
            self.last,
            Tree {
                path: path.clone(),
                sealed: false,
            },
        );
        let filled = mounts::clone_tree(CWD, &path).map_err(at("copy memory for a package"));
        match filled {
            Ok(filled) => Ok((self.last, filled)),
            Err(failure) => {
                self.free(self.last);
                Err(failure)
            }
        }
    }

    /// Makes it read-only; call it when its unpacker has ended.
    pub(super) fn seal(&mut self, id: u64) -> Result<(), Failure> {
        let tree = self.trees.get_mut(&id).ok_or_else(unknown)?;
        let mount = mounts::open_place(&tree.path).map_err(at("open a package"))?;
        mounts::restrict(mount, mounts::READ_ONLY, false).map_err(at("seal a package"))?;
        tree.sealed = true;
        Ok(())
    }

    /// A read-only copy, attached nowhere.
    pub(super) fn copy(&self, id: u64) -> Result<OwnedFd, Failure> {
        let tree = self
            .trees
            .get(&id)
            .filter(|tree| tree.sealed)
            .ok_or_else(unknown)?;
        mounts::clone_tree(CWD, &tree.path).map_err(at("copy a package"))
    }

    pub(super) fn free(&mut self, id: u64) {
        if let Some(tree) = self.trees.remove(&id) {
            // What cannot be removed goes with the name space.
            let _ = unmount(&tree.path, UnmountFlags::DETACH);
            let _ = fs::remove_dir(&tree.path);
        }
    }
}

fn unknown() -> Failure {
    Failure::new("find an unpacked package", Errno::NOENT)
}
