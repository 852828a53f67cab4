//! The read-only root that sandboxes get copies of: made once for each `Root`, cloned by descriptor.
//!
//! It is a small tmpfs with binds of the machine's /usr and library folders, a synthetic /etc and the caller's
//! binds. Every bind is read-only before it is attached, so a mount point that is missing inside one is an
//! error, and never a folder made on the machine.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::{dev, etc, lib64, mounts, tree_copy};
use crate::failure::{Failure, at};
use crate::spec::{Bind, Root};

/// More than the copied files of /etc need.
const SIZE_BYTES: u64 = 4 << 20;
const INODES_MAX: u64 = 4096;
/// Each bind is a mount that every creation copies.
const BINDS_MAX: usize = 64;

/// Folders that are links into /usr on most machines and folders of their own on some.
const SYSTEM: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
/// What the machine's administrator and packages put into interpreters: no function sees it.
const HIDDEN: [&str; 5] = [
    "usr/local",
    "usr/lib/node_modules",
    "usr/share/nodejs",
    "usr/share/node_modules",
    "usr/lib/python3/dist-packages",
];
const FOLDERS: [&str; 10] = [
    "etc",
    "opt",
    "proc",
    "usr",
    "var",
    "var/compiled",
    "var/lang",
    "var/runtime",
    "var/task",
    // The loader of libraries remembers, for as long as a process lives, that a folder is missing: this one may come
    // with the code.
    "var/task/lib",
];
/// What images of AWS start; here for programs that look for it.
const ENTRYPOINT: &str = "#!/bin/sh\nexport _HANDLER=\"$1\"\nexec /var/runtime/bootstrap\n";

/// Builds the template and attaches it at `place`, an empty folder.
pub(crate) fn build(root: &Root, place: &Path) -> Result<(), Failure> {
    if root.binds.len() > BINDS_MAX {
        return Err(Failure::new("bind more than 64 folders", Errno::TOOBIG));
    }
    let size = mounts::Tmpfs {
        size_bytes: SIZE_BYTES,
        inodes_max: INODES_MAX,
        mode: "755",
        owner: None,
    };
    let tree = size
        .make(MountAttrFlags::empty())
        .map_err(at("make a root"))?;
    mounts::attach(&tree, CWD, place).map_err(at("mount a root"))?;
    lay_out(&tree).map_err(at("lay out a root"))?;
    etc::write(&tree).map_err(at("write /etc"))?;
    system(&tree)?;
    for bind in &root.binds {
        add_bind(&tree, bind)?;
    }
    mounts::restrict(&tree, mounts::READ_ONLY, true).map_err(at("make a root read-only"))?;
    dev::bind_devices(&tree).map_err(at("bind devices"))
}

fn lay_out(root: &OwnedFd) -> rustix::io::Result<()> {
    for folder in FOLDERS {
        mkdirat(root, folder, Mode::from_raw_mode(0o755))?;
    }
    mkdirat(root, "tmp", Mode::from_raw_mode(0o1777))?;
    dev::lay_out(root)?;
    write_file(root, "lambda-entrypoint.sh", ENTRYPOINT.as_bytes(), 0o755)
}

/// Writes a file that is part of every root.
pub(super) fn write_file(
    root: &OwnedFd,
    path: &str,
    content: &[u8],
    mode: u32,
) -> rustix::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(root, path, flags, Mode::from_raw_mode(mode))?;
    let mut left = content;
    while !left.is_empty() {
        let written = rustix::io::write(&file, left)?;
        left = &left[written..];
    }
    Ok(())
}

/// The machine's programs and libraries, without what was added to them.
fn system(root: &OwnedFd) -> Result<(), Failure> {
    attach_source(root, Path::new("/usr"), "usr")?;
    for name in SYSTEM {
        let path = Path::new("/").join(name);
        let Ok(found) = fs::symlink_metadata(&path) else {
            continue;
        };
        let is_lib64 = name == "lib64" && found.is_symlink();
        if is_lib64 && lib64::lay_out(root, &path).map_err(at("lay out /lib64"))? {
            continue;
        }
        if found.is_symlink() {
            let target = fs::read_link(&path).map_err(at("read a link"))?;
            symlinkat(&target, root, name).map_err(at("link a system folder"))?;
        } else {
            mkdirat(root, name, Mode::from_raw_mode(0o755)).map_err(at("make a system folder"))?;
            attach_source(root, &path, name)?;
        }
    }
    for path in HIDDEN {
        hide(root, path)?;
    }
    for path in versioned_packages() {
        hide(root, &path)?;
    }
    Ok(())
}

/// `usr/lib/python3.11/dist-packages` and its likes.
fn versioned_packages() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/usr/lib") else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter(|name| name.starts_with("python3."))
        .flat_map(|name| ["dist-packages", "site-packages"].map(|p| format!("usr/lib/{name}/{p}")))
        .collect()
}

/// Covers a folder with the empty /opt. What is no folder here holds nothing to hide.
fn hide(root: &OwnedFd, path: &str) -> Result<(), Failure> {
    if !fs::symlink_metadata(Path::new("/").join(path)).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    let covered = || -> rustix::io::Result<()> {
        let place = mounts::open_inside(root, path)?;
        mounts::attach(mounts::clone_tree(root, "opt")?, place, "")
    };
    covered().map_err(at(format!("hide /{path}")))
}

fn attach_source(root: &OwnedFd, source: &Path, target: &str) -> Result<(), Failure> {
    let tree = mounts::clone_tree(CWD, source).map_err(at(format!("bind {}", source.display())))?;
    attach_tree(root, tree, source, target)
}

fn attach_tree(root: &OwnedFd, tree: OwnedFd, source: &Path, target: &str) -> Result<(), Failure> {
    let step = || format!("bind {}", source.display());
    mounts::restrict(&tree, mounts::READ_ONLY, true).map_err(at(step()))?;
    let place = mounts::open_inside(root, target).map_err(at(step()))?;
    mounts::attach(tree, place, "").map_err(at(step()))
}

fn add_bind(root: &OwnedFd, bind: &Bind) -> Result<(), Failure> {
    let step = || {
        format!(
            "bind {} at {}",
            bind.source.display(),
            bind.target.display()
        )
    };
    let target = inside(&bind.target).ok_or_else(|| Failure::new(step(), Errno::INVAL))?;
    let source = mounts::open_place(&bind.source).map_err(at(step()))?;
    let kind = FileType::from_raw_mode(fstat(&source).map_err(at(step()))?.st_mode);
    make_place(root, &target, kind == FileType::Directory).map_err(at(step()))?;
    let tree = if bind.copied {
        tree_copy::copy(&bind.source)
    } else {
        mounts::clone_tree(CWD, &bind.source).map_err(io::Error::from)
    };
    let tree = tree.map_err(at(step()))?;
    attach_tree(root, tree, &bind.source, &target).map_err(|failure| Failure {
        step: step().into(),
        ..failure
    })
}

/// An absolute path without `..` as one relative to the root.
fn inside(target: &Path) -> Option<String> {
    let mut parts = target.components();
    if parts.next() != Some(Component::RootDir) {
        return None;
    }
    let mut names = Vec::new();
    for part in parts {
        let Component::Normal(name) = part else {
            return None;
        };
        names.push(name.to_str()?);
    }
    (!names.is_empty()).then(|| names.join("/"))
}

/// Makes what of the path is missing. Inside a bind the kernel refuses that: binds are read-only by then.
fn make_place(root: &OwnedFd, target: &str, folder: bool) -> io::Result<()> {
    let mut parent = root.try_clone()?;
    let mut path = String::new();
    let last = target.split('/').count() - 1;
    for (index, name) in target.split('/').enumerate() {
        path.push_str(name);
        let place = match mounts::open_inside(root, &path) {
            Err(Errno::NOENT) if index < last || folder => {
                mkdirat(parent.as_fd(), name, Mode::from_raw_mode(0o755))?;
                mounts::open_inside(root, &path)?
            }
            Err(Errno::NOENT) => {
                write_file(&parent, name, b"", 0o444)?;
                return Ok(());
            }
            other => other?,
        };
        parent = place;
        path.push('/');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_stays_inside() {
        assert_eq!(inside(Path::new("/var/lang")).as_deref(), Some("var/lang"));
        for outside in ["/", "var", "/var/../etc", "/.."] {
            assert_eq!(inside(Path::new(outside)), None, "{outside}");
        }
    }
}
