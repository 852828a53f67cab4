//! Small trees copied into a file system of their own, so that no path of the machine shows in a sandbox's mounts.
//!
//! Refuses links and everything else that is neither file nor folder: the source may be another user's, and the
//! copier root.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, fstat, futimens, mkdirat, openat,
};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::mounts;

/// Far more than a bootstrap with what is compiled from it.
const SIZE_BYTES: u64 = 4 << 20;
const INODES_MAX: u64 = 1024;
/// Folders in folders.
const DEPTH_MAX: u32 = 8;

/// A copy of the folder `source`, attached nowhere and still writable. Times are kept: compiled files carry those of
/// what they were compiled from.
pub(super) fn copy(source: &std::path::Path) -> io::Result<OwnedFd> {
    let tmpfs = mounts::Tmpfs {
        size_bytes: SIZE_BYTES,
        inodes_max: INODES_MAX,
        mode: "755",
        owner: None,
    };
    let tree = tmpfs.make(MountAttrFlags::empty())?;
    let source = openat(
        CWD,
        source,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    // A mount's own descriptor is for attaching only.
    let target = openat(
        &tree,
        ".",
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    copy_folder(&source, &target, DEPTH_MAX)?;
    Ok(tree)
}

fn copy_folder(source: &OwnedFd, target: &OwnedFd, depth: u32) -> io::Result<()> {
    if depth == 0 {
        return Err(Errno::LOOP.into());
    }
    for entry in Dir::read_from(source)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        // Without NONBLOCK a fifo would stop the copier.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let from = openat(source, name, flags, Mode::empty())?;
        let stat = fstat(&from)?;
        let mode = Mode::from_raw_mode(stat.st_mode & 0o755);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                mkdirat(target, name, mode)?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                copy_folder(
                    &from,
                    &openat(target, name, flags, Mode::empty())?,
                    depth - 1,
                )?;
            }
            FileType::RegularFile => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let to = openat(target, name, flags, mode)?;
                copy_content(from.as_fd(), to.as_fd())?;
                futimens(&to, &times(&stat))?;
            }
            _ => return Err(Errno::INVAL.into()),
        }
    }
    Ok(())
}

/// Ends: the target has room for `SIZE_BYTES`.
fn copy_content(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    while rustix::fs::sendfile(to, from, None, SIZE_BYTES as usize)? > 0 {}
    Ok(())
}

fn times(stat: &Stat) -> Timestamps {
    let modified = Timespec {
        tv_sec: stat.st_mtime,
        tv_nsec: stat.st_mtime_nsec as _,
    };
    Timestamps {
        last_access: modified,
        last_modification: modified,
    }
}
