//! A sandbox's /dev, made by hand: five harmless devices, its own terminals, its own shared memory.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{CWD, FileType, Mode, mkdirat, mknodat, symlinkat};
use rustix::mount::MountAttrFlags;

use super::mounts;
use crate::failure::{Failure, at};

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];
/// Inodes of /dev/shm: far more segments and semaphores than a program makes, far less memory than its limit.
const SHM_INODES_MAX: u64 = 16_384;
/// The machine has 3,072 for all its sandboxes; a program that starts others in terminals has one for each.
const TERMINALS_MAX: &str = "64";

/// Lays out /dev in a template: mount points and links.
pub(crate) fn lay_out(root: impl AsFd) -> rustix::io::Result<()> {
    for folder in ["dev", "dev/pts", "dev/shm"] {
        mkdirat(&root, folder, Mode::from_raw_mode(0o755))?;
    }
    for device in DEVICES {
        mknodat(
            &root,
            format!("dev/{device}"),
            FileType::RegularFile,
            Mode::RUSR,
            0,
        )?;
    }
    for (name, target) in LINKS {
        symlinkat(target, &root, format!("dev/{name}"))?;
    }
    Ok(())
}

/// Binds the machine's devices into a template. Comes after the template was made `nodev`: these mounts are
/// the only ones on which a device can be opened.
pub(crate) fn bind_devices(root: impl AsFd) -> io::Result<()> {
    for device in DEVICES {
        let tree = mounts::clone_tree(CWD, format!("/dev/{device}"))?;
        mounts::restrict(
            &tree,
            libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC,
            false,
        )?;
        mounts::attach(tree, &root, format!("dev/{device}"))?;
    }
    Ok(())
}

/// Mounts what each sandbox has of its own. Shared memory is charged to it like any other memory.
pub(crate) fn mount_private(root: impl AsFd, shm_bytes: u64) -> Result<(), Failure> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let terminals = mounts::new(
        "devpts",
        &[
            ("ptmxmode", "0666"),
            ("mode", "0620"),
            ("max", TERMINALS_MAX),
        ],
        attributes,
    )
    .map_err(at("make /dev/pts"))?;
    mounts::attach(terminals, &root, "dev/pts").map_err(at("mount /dev/pts"))?;
    let shm = mounts::Tmpfs {
        size_bytes: shm_bytes,
        inodes_max: SHM_INODES_MAX,
        mode: "1777",
        owner: None,
    };
    let shm = shm
        .make(attributes | MountAttrFlags::MOUNT_ATTR_NODEV)
        .map_err(at("make /dev/shm"))?;
    mounts::attach(shm, &root, "dev/shm").map_err(at("mount /dev/shm"))
}
