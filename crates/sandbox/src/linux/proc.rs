//! A sandbox's own /proc: its processes only, the kernel's switches read-only, the kernel's secrets masked.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountFlags, mount_bind, mount_remount};

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
const READ_ONLY_FLAGS: MountFlags = MountFlags::BIND
    .union(MountFlags::RDONLY)
    .union(MountFlags::NOSUID)
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);
/// The root's own, which is `nosuid` and `noexec`.
const NULL: &str = "dev/null";

/// Mounts it at `proc` of the new root, in which this process works and whose own /dev/null is there by then. Comes after
/// all other mounts: in the end it forbids the name spaces that the kernel makes for every mount that is not attached
/// yet.
pub(crate) fn mount(root: impl AsFd, has_others_below: bool) -> Result<(), Failure> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = mounts::new("proc", &[], attributes).map_err(at("mount /proc"))?;
    let empty = empty_folders(&proc, &root)?;
    mounts::attach(&proc, &root, "proc").map_err(at("attach /proc"))?;
    for (place, folder) in empty {
        mounts::attach(folder, place, "").map_err(at("cover a folder of /proc"))?;
    }
    // Without it nothing would be masked, which would look as if there were nothing to mask.
    statat(CWD, NULL, AtFlags::SYMLINK_NOFOLLOW).map_err(at("find /dev/null"))?;
    for path in MASKED {
        if_there(cover(NULL, path)).map_err(at(format!("cover /proc/{path}")))?;
    }
    for path in READ_ONLY {
        if_there(make_read_only(path)).map_err(at(format!("cover /proc/{path}")))?;
    }
    if has_others_below {
        begin_elsewhere(&proc).map_err(at("number processes"))?;
    }
    namespaces::forbid_more(proc.as_fd()).map_err(at("forbid name spaces"))?;
    make_read_only("sys").map_err(at("cover /proc/sys"))
}

/// What is to be emptied of a /proc that is not attached yet, each with the folder that it will be attached to:
/// read-only, and nothing is in it. A copy that is attached nowhere in the end costs a grace period of the kernel.
fn empty_folders(proc: &OwnedFd, root: impl AsFd) -> Result<Vec<(OwnedFd, OwnedFd)>, Failure> {
    let mut empty = Vec::new();
    for path in EMPTIED {
        match mounts::open_inside(proc, path) {
            Ok(place) => {
                let folder = mounts::clone_tree(&root, "proc");
                empty.push((place, folder.map_err(at("copy an empty folder"))?));
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(Failure::new(format!("open /proc/{path}"), error)),
        }
    }
    Ok(empty)
}

/// Numbers the processes of a template's sandbox beyond those of its clones, who begin low: libraries know by their
/// number that they are in another process, and make secrets of their own then.
fn begin_elsewhere(proc: &OwnedFd) -> Result<(), Errno> {
    const LAST: &[u8] = b"30000";
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let last = openat(proc, "sys/kernel/ns_last_pid", flags, Mode::empty())?;
    rustix::io::write(last, LAST).map(drop)
}

/// Mounts `what` over a path of /proc, which is none of its links.
fn cover(what: &str, path: &str) -> rustix::io::Result<()> {
    mount_bind(what, format!("proc/{path}"))
}

fn make_read_only(path: &str) -> rustix::io::Result<()> {
    let path = format!("proc/{path}");
    mount_bind(&*path, &*path)?;
    mount_remount(&*path, READ_ONLY_FLAGS, c"")
}

/// A path that this kernel does not have needs no cover.
fn if_there(covered: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match covered {
        Err(Errno::NOENT) => Ok(()),
        covered => covered,
    }
}
