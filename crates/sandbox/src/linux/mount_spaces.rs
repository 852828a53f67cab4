//! The spawner's two mount name spaces.
//!
//! *Storage* is a private copy of the machine's, with the work folder mounted: templates and unpacked code
//! are attached there, because older kernels clone only attached mounts. *Bare* has an empty read-only root
//! and /proc. Sandboxes are cloned from bare, so that a clone copies two mounts however many the machine and
//! the spawner have, and so that nothing of the machine is there to be reached if a later step went wrong.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, mkdirat};
use rustix::mount::{MountAttrFlags, MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::process::{chdir, fchdir, pivot_root};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

use super::mounts;
use crate::failure::{Failure, at};

/// Where a sandbox attaches its root before it enters it.
pub(crate) const NEW_ROOT: &str = "/new";

pub(crate) struct MountSpaces {
    storage: OwnedFd,
    bare: OwnedFd,
}

impl MountSpaces {
    /// Leaves the machine's mount name space for good. Afterwards this process is in storage.
    pub(crate) fn separate() -> Result<Self, Failure> {
        leave()?;
        let storage = current().map_err(at("open the mount name space"))?;
        leave()?;
        strip().map_err(at("make an empty root"))?;
        let bare = current().map_err(at("open the mount name space"))?;
        let spaces = Self { storage, bare };
        spaces.enter(&spaces.storage)?;
        Ok(spaces)
    }

    /// Runs `act` in the bare name space. In the copy that a clone makes this does not return.
    pub(crate) fn in_bare<T>(&self, act: impl FnOnce() -> T) -> Result<T, Failure> {
        self.enter(&self.bare)?;
        let result = act();
        self.enter(&self.storage)?;
        Ok(result)
    }

    /// Mounts what is attached nowhere yet at absolute paths in a sandbox's name space.
    pub(crate) fn attach_in<'m>(
        &self,
        space: &OwnedFd,
        mut all: impl Iterator<Item = (&'m OwnedFd, &'m str)>,
    ) -> Result<(), Failure> {
        self.enter(space)?;
        let attached = all.try_for_each(|(mount, path)| {
            mounts::attach(mount, CWD, path).map_err(at(format!("mount {path}")))
        });
        self.enter(&self.storage)?;
        attached
    }

    fn enter(&self, space: &OwnedFd) -> Result<(), Failure> {
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Mount))
            .map_err(at("change the mount name space"))
    }
}

/// A new copy of the mount name space, out of which nothing propagates.
fn leave() -> Result<(), Failure> {
    // SAFETY: the flag leaves the descriptor table alone, which is what can break owned descriptors.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }
        .map_err(at("make a mount name space"))?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(at("make mounts private"))
}

fn current() -> rustix::io::Result<OwnedFd> {
    of_self(CWD, "/proc")
}

/// This process's own, by a /proc.
pub(crate) fn of_self(root: BorrowedFd<'_>, proc: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::openat(root, format!("{proc}/self/ns/mnt"), flags, Mode::empty())
}

/// Replaces the root by an empty one with /proc, which a sandbox needs in sight to mount its own.
fn strip() -> io::Result<()> {
    let size = mounts::Tmpfs {
        size_bytes: 1 << 16,
        inodes_max: 8,
        mode: "755",
        owner: None,
    };
    let root = size.make(MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV)?;
    for folder in ["proc", &NEW_ROOT[1..]] {
        mkdirat(&root, folder, Mode::from_raw_mode(0o555))?;
    }
    // What covers parts of it (a container's masks, a hardened unit's) must go: the kernel lets a user name
    // space mount a new /proc only where all of the old one can be seen. Only root may uncover it.
    let proc = mounts::clone_mount(CWD, "/proc").or_else(|_| mounts::clone_tree(CWD, "/proc"))?;
    mounts::attach(&root, CWD, "/proc")?;
    mounts::attach(proc, &root, "proc")?;
    fchdir(&root)?;
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")?;
    mounts::restrict(&root, mounts::READ_ONLY, false)
}
