//! Writes files, folders and links below one folder, one name at a time, following no link.

use super::{Error, path};
use crate::message::Rejection;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, Timespec, Timestamps, futimens, mkdirat, openat, symlinkat,
    unlinkat,
};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// Opens a folder and never what a link points to.
const FOLDER: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::RDONLY)
    .union(OFlags::CLOEXEC);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);

pub(super) struct Writer {
    root: OwnedFd,
    /// The folder of the last entry: packages list a folder's files one after the other.
    last: Option<(Vec<String>, OwnedFd)>,
}

impl Writer {
    pub(super) fn new(folder: &str) -> io::Result<Self> {
        // Modes are given exactly; the mask of whoever started us must not change them.
        rustix::process::umask(Mode::empty());
        Ok(Self {
            root: openat(CWD, folder, FOLDER, Mode::empty())?,
            last: None,
        })
    }

    pub(super) fn folder(&mut self, names: &[String]) -> Result<(), Error> {
        self.enter(names).map(drop)
    }

    /// Makes a file, fills it and gives it its time. A later entry of the same name replaces an earlier one.
    pub(super) fn file(
        &mut self,
        names: &[String],
        mode: u32,
        modified_s: i64,
        fill: impl FnOnce(&mut File) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (name, parents) = names.split_last().ok_or(Rejection::BadPath)?;
        let parent = self.enter(parents)?;
        let permissions = Mode::from_raw_mode(path::permissions(mode));
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match openat(parent, name, flags, permissions) {
            Err(Errno::EXIST) => {
                unlinkat(parent, name, AtFlags::empty()).map_err(refusal)?;
                openat(parent, name, flags, permissions)
            }
            file => file,
        };
        let mut file = File::from(file.map_err(refusal)?);
        fill(&mut file)?;
        futimens(&file, &both(modified_s)).map_err(refusal)
    }

    pub(super) fn link(&mut self, names: &[String], target: &[u8]) -> Result<(), Error> {
        let (name, parents) = names.split_last().ok_or(Rejection::BadPath)?;
        let parent = self.enter(parents)?;
        symlinkat(target, parent, name).map_err(refusal)
    }

    /// Opens a folder below the root, making what is missing on the way.
    fn enter(&mut self, names: &[String]) -> Result<&OwnedFd, Error> {
        if names.is_empty() {
            return Ok(&self.root);
        }
        let known = self.last.take().filter(|(last, _)| last == names);
        let folder = match known {
            Some((_, folder)) => folder,
            None => self.walk(names)?,
        };
        Ok(&self.last.insert((names.to_vec(), folder)).1)
    }

    fn walk(&self, names: &[String]) -> Result<OwnedFd, Error> {
        let mut folder = openat(&self.root, ".", FOLDER, Mode::empty()).map_err(refusal)?;
        for name in names {
            match mkdirat(&folder, name, FOLDER_MODE) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(refusal(error)),
            }
            folder = openat(&folder, name, FOLDER, Mode::empty()).map_err(refusal)?;
        }
        Ok(folder)
    }
}

/// The same time for the last access and the last modification.
fn both(seconds: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// A path that runs through a file or a link, or names a folder as a file, is the package's fault.
fn refusal(error: Errno) -> Error {
    match error {
        Errno::NOTDIR | Errno::LOOP | Errno::ISDIR | Errno::EXIST | Errno::NAMETOOLONG => {
            Rejection::BadPath.into()
        }
        Errno::NOSPC | Errno::DQUOT => Rejection::TooLarge.into(),
        error => Error::Io(error.into()),
    }
}
