//! Local sockets, whose addresses are paths: seen from the caller's working folder, and made with its mask of modes.

use super::caller::Caller;
use crate::kernel::sockets::RawAddress;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::process::{chdir, fchdir, umask};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Names that mean another folder to whoever uses them, and where the caller's is below its own in /proc.
const OWN_FOLDERS: [(&[u8], &str); 3] = [
    (b"/proc/self/", ""),
    (b"/proc/thread-self/", ""),
    (b"/dev/fd/", "fd"),
];

/// An address that means the same to pid 1 as to the caller.
#[derive(Debug)]
pub(super) struct Place {
    /// Where its path starts, if that is not where pid 1 is.
    folder: Option<OwnedFd>,
    address: RawAddress,
}

impl Place {
    /// Of an address for a local socket.
    pub(super) fn of(caller: &Caller, address: RawAddress) -> Result<Self, Errno> {
        let path = address.path();
        let own = OWN_FOLDERS.iter().find(|(name, _)| path.starts_with(name));
        let (folder, address) = match (own, path.first()) {
            (Some((name, below)), _) => (
                Some(caller.folder().join(below)),
                address.without(name.len()),
            ),
            // No name, an abstract one, or a path from the root.
            (None, None | Some(0 | b'/')) => (None, address),
            (None, Some(_)) => (Some(caller.folder().join("cwd")), address),
        };
        let folder = folder.map(open).transpose()?;
        Ok(Self { folder, address })
    }

    /// Acts where its path starts.
    pub(super) fn act<T>(
        &self,
        act: impl FnOnce(&RawAddress) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let Some(folder) = &self.folder else {
            return act(&self.address);
        };
        fchdir(folder)?;
        let result = act(&self.address);
        // Where pid 1 always is, and every process may be.
        chdir("/")?;
        result
    }
}

/// With the modes that the caller takes from what it makes.
pub(super) fn with_mask_of<T>(caller: &Caller, act: impl FnOnce() -> T) -> T {
    let Some(mask) = caller.mask() else {
        return act();
    };
    let own = umask(Mode::from_raw_mode(mask));
    let result = act();
    umask(own);
    result
}

fn open(folder: PathBuf) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD, folder, flags, Mode::empty())
}
