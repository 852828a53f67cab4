//! Hands the data folder to the user that the server becomes. Runs as root on names that an
//! unprivileged server could have planted, so it follows no link, leaves other file systems alone, and
//! gives away no file that has a second name elsewhere.

use super::check_data_dir;
use crate::OpenError;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, RawMode, Stat, chownat, fchmod, fchown, fstat, openat,
};
use rustix::fs::{CWD, Gid, Uid};
use std::ffi::CStr;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Entries of the data folder that the server writes. `runtimes` and `sandbox` are not among them: they
/// are root's, read or mounted by the spawner.
const OURS: [&CStr; 9] = [
    c"VERSION",
    c"blobs",
    c"credentials",
    c"journal",
    c"lock",
    c"logs",
    c"metadata.db",
    c"metadata.db-shm",
    c"metadata.db-wal",
];
/// Folders below each other: `logs/<function>/<segment>`.
const DEPTH_MAX: u32 = 3;

/// Makes the data folder 0700 and what the server keeps in it owned by `owner` (uid, gid); called as
/// root before privilege is dropped. Without an owner only the mode is set.
///
/// Refuses, before it changes anything, what [`check_data_dir`] refuses.
pub fn prepare_data_dir(data_dir: &Path, owner: Option<(u32, u32)>) -> Result<(), OpenError> {
    let failed = |source| OpenError::io("prepare", data_dir, source);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(failed)?;
    check_data_dir(data_dir)?;
    prepare(data_dir, owner).map_err(failed)
}

fn prepare(data_dir: &Path, owner: Option<(u32, u32)>) -> io::Result<()> {
    let folder = openat(
        CWD,
        data_dir,
        OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let status = fstat(&folder)?;
    if status.st_mode & 0o777 as RawMode != 0o700 {
        fchmod(&folder, Mode::RWXU)?;
    }
    let Some((uid, gid)) = owner else {
        return Ok(());
    };
    let owner = Owner {
        uid: Uid::from_raw(uid),
        gid: Gid::from_raw(gid),
        device: status.st_dev,
    };
    for name in OURS {
        owner.give(folder.as_fd(), name, 1)?;
    }
    if !owner.owns(&status) {
        fchown(&folder, Some(owner.uid), Some(owner.gid))?;
    }
    Ok(())
}

struct Owner {
    uid: Uid,
    gid: Gid,
    device: u64,
}

impl Owner {
    /// Gives `name` in `folder`, and what is in it, to the owner; deepest first, so that nobody changes
    /// a folder while it is walked.
    fn give(&self, folder: BorrowedFd<'_>, name: &CStr, depth: u32) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let entry = match openat(folder, name, flags, Mode::empty()) {
            Ok(entry) => entry,
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let status = fstat(&entry)?;
        match FileType::from_raw_mode(status.st_mode) {
            _ if status.st_dev != self.device => return Ok(()),
            FileType::Directory => self.give_content(&entry, depth)?,
            FileType::RegularFile if status.st_nlink == 1 => {}
            _ => return Ok(()),
        }
        if !self.owns(&status) {
            chownat(
                &entry,
                c"",
                Some(self.uid),
                Some(self.gid),
                AtFlags::EMPTY_PATH,
            )?;
        }
        Ok(())
    }

    fn give_content(&self, folder: &OwnedFd, depth: u32) -> io::Result<()> {
        if depth >= DEPTH_MAX {
            return Ok(());
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let readable = openat(folder, c".", flags, Mode::empty())?;
        for entry in Dir::read_from(&readable)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                self.give(readable.as_fd(), entry.file_name(), depth + 1)?;
            }
        }
        Ok(())
    }

    fn owns(&self, status: &Stat) -> bool {
        status.st_uid == self.uid.as_raw() && status.st_gid == self.gid.as_raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    /// Who owns the entries; the test itself may run as anybody.
    fn myself() -> (u32, u32) {
        (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        )
    }

    #[test]
    fn the_folder_is_private_and_anothers_is_left_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("new/data");
        prepare_data_dir(&folder, Some(myself())).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        prepare_data_dir(&folder, None).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.join("anothers"), "").unwrap();
        prepare_data_dir(&folder, Some((4_242, 4_243))).unwrap_err();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o755);
        assert_eq!(fs::metadata(&folder).unwrap().uid(), myself().0);
    }

    #[test]
    fn only_what_is_ours_changes_its_owner() {
        if myself().0 != 0 {
            // Only root can give a file away; the rest of the mechanism is covered above.
            return prepare_data_dir(tempfile::tempdir().unwrap().path(), Some(myself())).unwrap();
        }
        let root = tempfile::tempdir().unwrap();
        let (data, outside) = (root.path().join("data"), root.path().join("outside"));
        fs::create_dir_all(data.join("logs/f")).unwrap();
        fs::create_dir_all(data.join("runtimes")).unwrap();
        fs::create_dir_all(data.join("blobs")).unwrap();
        fs::write(data.join("logs/f/1"), "").unwrap();
        fs::write(data.join("VERSION"), "1\n").unwrap();
        fs::write(&outside, "").unwrap();
        fs::hard_link(&outside, data.join("blobs/planted")).unwrap();
        symlink(&outside, data.join("journal")).unwrap();
        prepare_data_dir(&data, Some((4_242, 4_243))).unwrap();
        let owner = |path: &Path| {
            fs::symlink_metadata(path)
                .map(|found| (found.uid(), found.gid()))
                .unwrap()
        };
        for ours in ["", "logs", "logs/f", "logs/f/1", "blobs"] {
            assert_eq!(owner(&data.join(ours)), (4_242, 4_243), "{ours}");
        }
        for other in [&data.join("runtimes"), &data.join("journal"), &outside] {
            assert_eq!(owner(other), (0, 0), "{}", other.display());
        }
    }
}
