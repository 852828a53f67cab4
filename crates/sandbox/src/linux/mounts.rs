//! Mounts by descriptor: no path is looked up twice, and nothing is seen before it is complete.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};
use rustix::path::Arg;

/// Attributes of a mount that only gives files to read.
pub(crate) const READ_ONLY: u64 =
    libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// Makes a file system that is mounted nowhere yet.
pub(crate) fn new(
    kind: &str,
    options: &[(&str, &str)],
    attributes: MountAttrFlags,
) -> rustix::io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(context.as_fd(), *key, *value)?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Size, permissions and owner of a new tmpfs. Limits are the kernel's: a write beyond is ENOSPC.
pub(crate) struct Tmpfs {
    pub(crate) size_bytes: u64,
    pub(crate) inodes_max: u64,
    pub(crate) mode: &'static str,
    pub(crate) owner: Option<(u32, u32)>,
}

impl Tmpfs {
    pub(crate) fn make(&self, attributes: MountAttrFlags) -> rustix::io::Result<OwnedFd> {
        let size = self.size_bytes.to_string();
        let inodes = self.inodes_max.to_string();
        let mut options = vec![
            ("size", &*size),
            ("nr_inodes", &*inodes),
            ("mode", self.mode),
        ];
        let owner = self
            .owner
            .map(|(uid, gid)| (uid.to_string(), gid.to_string()));
        if let Some((uid, gid)) = &owner {
            options.extend([("uid", &**uid), ("gid", &**gid)]);
        }
        new("tmpfs", &options, attributes)
    }
}

/// A copy of what is mounted at `path`, with everything below, mounted nowhere yet.
pub(crate) fn clone_tree(at: impl AsFd, path: impl Arg) -> rustix::io::Result<OwnedFd> {
    let flags = CLONE | OpenTreeFlags::AT_RECURSIVE;
    open_tree(at, path, flags)
}

/// A detached copy of the mount at `path` alone, without what is mounted below it. `EINVAL` where that was
/// mounted by somebody with more rights, who may have wanted to hide something.
pub(crate) fn clone_mount(at: impl AsFd, path: impl Arg) -> rustix::io::Result<OwnedFd> {
    open_tree(at, path, CLONE)
}

const CLONE: OpenTreeFlags = OpenTreeFlags::OPEN_TREE_CLONE
    .union(OpenTreeFlags::OPEN_TREE_CLOEXEC)
    .union(OpenTreeFlags::AT_EMPTY_PATH);

/// Mounts a detached tree at `path`, seen from the folder `at`.
pub(crate) fn attach(tree: impl AsFd, at: impl AsFd, path: impl Arg) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, "", at, path, flags)
}

/// Sets attributes on a mount and, if asked, on all below it.
pub(crate) fn restrict(mount: impl AsFd, attributes: u64, recursive: bool) -> io::Result<()> {
    let set = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a constant C string, the structure and its size belong together, and the kernel
    // only reads both.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const set,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Opens `path` as it looks to someone whose root is `root`; a link cannot lead out.
pub(crate) fn open_inside(root: impl AsFd, path: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    match openat2(&root, path, flags, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => walk(root.as_fd().try_clone_to_owned(), path),
        found => found,
    }
}

/// The same where a service manager keeps `openat2` away (systemd's `RestrictSUIDSGID`): step by step, and
/// with `ELOOP` at a link.
fn walk(root: io::Result<OwnedFd>, path: &str) -> rustix::io::Result<OwnedFd> {
    let root = root.map_err(|_| Errno::MFILE)?;
    let steps = path.split('/').filter(|step| !matches!(*step, "" | "."));
    steps.into_iter().try_fold(root, |folder, step| {
        if step == ".." {
            return Err(Errno::XDEV);
        }
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let next = rustix::fs::openat(folder, step, flags, Mode::empty())?;
        match FileType::from_raw_mode(rustix::fs::fstat(&next)?.st_mode) {
            FileType::Symlink => Err(Errno::LOOP),
            _ => Ok(next),
        }
    })
}

/// A folder or file as a place, following links: for the machine's own paths, which its owner controls.
pub(crate) fn open_place(path: impl Arg) -> rustix::io::Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}
