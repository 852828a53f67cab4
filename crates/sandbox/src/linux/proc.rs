//! A sandbox's own /proc: its processes only, the kernel's switches read-only, the kernel's secrets masked.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::{mounts, namespaces};
use crate::failure::{Failure, at};

/// Switches of devices: visible, never writable. Those in `sys` are too.
const READ_ONLY: [&str; 3] = ["sysrq-trigger", "irq", "bus"];
/// What tells of the machine's memory, keys, timers, disks, devices and kernel: seen as an empty file. What the
/// runtimes size themselves by stays: `meminfo`, `cpuinfo`, `stat`, `loadavg`, `cgroups`.
const MASKED: [&str; 17] = [
    "cmdline",
    "config.gz",
    "diskstats",
    "interrupts",
    "iomem",
    "ioports",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "latency_stats",
    "modules",
    "partitions",
    "sched_debug",
    "swaps",
    "timer_list",
    "timer_stats",
];
/// Hardware, file systems and their devices: seen as an empty folder.
const EMPTIED: [&str; 4] = ["acpi", "asound", "fs", "scsi"];
const READ_ONLY_FLAGS: u64 = mounts::READ_ONLY | libc::MOUNT_ATTR_NOEXEC;

/// Mounts it at `proc` of the new root, whose own /dev/null is there by then. Comes after all other mounts:
/// in the end it forbids the name spaces that the kernel makes for every mount that is not attached yet.
pub(crate) fn mount(root: impl AsFd, has_others_below: bool) -> Result<(), Failure> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = mounts::new("proc", &[], attributes).map_err(at("mount /proc"))?;
    // Of the folder that /proc is about to be mounted on: read-only, and nothing is in it.
    let empty = EMPTIED.map(|path| (path, mounts::clone_tree(&root, "proc")));
    mounts::attach(&proc, &root, "proc").map_err(at("attach /proc"))?;
    for (path, folder) in empty {
        let folder = folder.map_err(at("copy an empty folder"))?;
        if let Some(place) = find(&proc, path)? {
            mounts::attach(folder, place, "").map_err(at(format!("cover /proc/{path}")))?;
        }
    }
    for path in READ_ONLY {
        cover(&proc, path, &proc, path, READ_ONLY_FLAGS)?;
    }
    for path in MASKED {
        cover(&proc, path, &root, "dev/null", libc::MOUNT_ATTR_NOSUID)?;
    }
    if has_others_below {
        begin_elsewhere(&proc).map_err(at("number processes"))?;
    }
    let sys = copy(&proc, "sys", READ_ONLY_FLAGS).map_err(at("cover /proc/sys"))?;
    namespaces::forbid_more(proc.as_fd()).map_err(at("forbid name spaces"))?;
    mounts::attach(sys, &proc, "sys").map_err(at("cover /proc/sys"))
}

/// Numbers the processes of a template's sandbox beyond those of its clones, who begin low: libraries know by their
/// number that they are in another process, and make secrets of their own then.
fn begin_elsewhere(proc: &OwnedFd) -> Result<(), Errno> {
    const LAST: &[u8] = b"30000";
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let last = openat(proc, "sys/kernel/ns_last_pid", flags, Mode::empty())?;
    rustix::io::write(last, LAST).map(drop)
}

/// A path that this kernel does not have needs no cover.
fn find(proc: &OwnedFd, path: &str) -> Result<Option<OwnedFd>, Failure> {
    match mounts::open_inside(proc, path) {
        Ok(place) => Ok(Some(place)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(Failure::new(format!("open /proc/{path}"), error)),
    }
}

/// Mounts `what` over `path`.
fn cover(
    proc: &OwnedFd,
    path: &'static str,
    from: impl AsFd,
    what: &str,
    attributes: u64,
) -> Result<(), Failure> {
    let Some(place) = find(proc, path)? else {
        return Ok(());
    };
    copy(from, what, attributes)
        .and_then(|tree| Ok(mounts::attach(tree, place, "")?))
        .map_err(at(format!("cover /proc/{path}")))
}

fn copy(from: impl AsFd, what: &str, attributes: u64) -> io::Result<OwnedFd> {
    let tree = mounts::clone_tree(from, what)?;
    mounts::restrict(&tree, attributes, true)?;
    Ok(tree)
}
