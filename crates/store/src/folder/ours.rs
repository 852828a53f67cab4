//! Whether a folder may become the data folder, or is one: told before anything in it is changed, since a data folder
//! is closed to all but the server, which owns it, and `/var/lib`, `/etc` or a home would be of no use after that.

use super::version;
use crate::OpenError;
use rustix::fs::Mode;
use std::ffi::OsStr;
use std::fs::{FileType, symlink_metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses a folder that all users share, such as `/tmp`, and one that is neither empty nor one of ours. Reads only.
///
/// Ours are those with a `VERSION`, and those with nothing but what a start makes before it, which may have been
/// interrupted.
pub fn check_data_dir(data_dir: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::io("read", data_dir, source);
    let status = symlink_metadata(data_dir).map_err(failed)?;
    if data_dir == Path::new("/") || status.mode() & Mode::SVTX.as_raw_mode() != 0 {
        return Err(OpenError::Shared {
            folder: data_dir.to_owned(),
        });
    }
    if version::check(data_dir)? {
        return Ok(());
    }
    for entry in data_dir.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !is_of_a_first_start(&entry.file_name(), entry.file_type().map_err(failed)?) {
            return Err(OpenError::Foreign {
                folder: data_dir.to_owned(),
                entry: entry.file_name(),
            });
        }
    }
    Ok(())
}

/// What may be there before `VERSION` is: SDKs that were installed for a server to come, what a start makes until
/// then, drafts included, and the mark of a file system's root.
fn is_of_a_first_start(name: &OsStr, kind: FileType) -> bool {
    match name.as_encoded_bytes() {
        b"runtimes" | b"sandbox" | b"lost+found" => kind.is_dir(),
        b"credentials" | b"credentials.draft" | b"lock" => kind.is_file(),
        name => kind.is_file() && (name.starts_with(b"metadata.db") || name.starts_with(b".tmp")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn refused(folder: &Path) -> String {
        check_data_dir(folder).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_with_anything_of_others_is_refused() {
        let root = tempfile::tempdir().unwrap();
        check_data_dir(root.path()).unwrap();
        // Names that we have too, in a folder that no start of ours has left.
        for other in ["logs", "blobs", "journal", "passwd"] {
            let folder = root.path().join(format!("of-{other}"));
            fs::create_dir_all(folder.join(other)).unwrap();
            assert!(refused(&folder).contains(other));
            fs::write(folder.join("VERSION"), "1\n").unwrap();
            check_data_dir(&folder).unwrap();
            fs::write(folder.join("VERSION"), "1.2.3\n").unwrap();
            assert!(refused(&folder).contains("no schema number"));
        }
    }

    #[test]
    fn what_an_interrupted_first_start_left_is_ours() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["runtimes", "sandbox", "lost+found"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        for file in ["credentials", "lock", "metadata.db-wal", ".tmpAbC"] {
            fs::write(root.path().join(file), "").unwrap();
        }
        check_data_dir(root.path()).unwrap();
        fs::remove_file(root.path().join("lock")).unwrap();
        fs::create_dir(root.path().join("lock")).unwrap();
        assert!(refused(root.path()).contains("lock"));
    }

    #[test]
    fn one_that_all_users_share_is_refused() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(refused(root.path()).contains("shared by all users"));
        assert!(refused(Path::new("/")).contains("shared by all users"));
    }
}
