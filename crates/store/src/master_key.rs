//! The master key: 256 random bits in a file of its own, outside the data folder, that wrap every data key.
//!
//! Found before the folder is opened, with the starting user's rights. A lost key is never replaced by a
//! new one: what it sealed would stay unreadable behind a server that seems to work.

use crate::seal::{self, Identity, KEY_BYTES};
use aws_lc_rs::aead::LessSafeKey;
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What the file holds: the key in hexadecimal and a line feed.
const FILE_BYTES: usize = 2 * KEY_BYTES + 1;
const CHECK: &[u8] = b"lambkin master key";

/// The key that wraps every data key. `Debug` shows its file alone; the key is wiped when dropped.
pub struct MasterKey {
    key: LessSafeKey,
    file: PathBuf,
}

/// Why there is no master key. Every text names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// A key inside the folder that it seals protects nothing.
    #[error(
        "the master key {} lies inside the data folder {}, where it protects nothing; move it and set master_key_file to its new place", .file.display(), .data_dir.display()
    )]
    InsideDataDir {
        /// The key file.
        file: PathBuf,
        /// The data folder.
        data_dir: PathBuf,
    },
    /// The folder was sealed with a key that is gone.
    #[error(
        "the master key {} is missing, but {} holds data sealed with it; restore the key from its backup, set master_key_file to where it is, or start with an empty data folder", .file.display(), .data_dir.display()
    )]
    Lost {
        /// The key file.
        file: PathBuf,
        /// The data folder.
        data_dir: PathBuf,
    },
    /// Others than the owner can read or write the file.
    #[error(
        "the master key {} has mode {mode:03o}: others than its owner can reach it; run: chmod 600 {}", .file.display(), .file.display()
    )]
    Exposed {
        /// The key file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error(
        "the master key {} is not a file of 64 hexadecimal digits; restore it from its backup or set master_key_file to the right one", .file.display()
    )]
    Malformed {
        /// The key file.
        file: PathBuf,
    },
    /// The file or a folder above it failed.
    #[error(
        "the master key {} cannot be read or made: {why}; make its folder accessible or set master_key_file to another place", .file.display()
    )]
    Io {
        /// The key file.
        file: PathBuf,
        /// What the system said. No source of this error: the text has it.
        why: io::Error,
    },
}

impl MasterKey {
    /// Reads the key file; makes one (0600, parents 0700) when there is none and `data_dir` holds no
    /// sealed data yet. Refuses a file inside `data_dir`, one that others can reach, and a missing one
    /// beside sealed data.
    pub fn load_or_create(file: &Path, data_dir: &Path) -> Result<Self, MasterKeyError> {
        let failed = |why| MasterKeyError::Io {
            file: file.to_owned(),
            why,
        };
        if resolve(file)
            .map_err(failed)?
            .starts_with(resolve(data_dir).map_err(failed)?)
        {
            return Err(MasterKeyError::InsideDataDir {
                file: file.to_owned(),
                data_dir: data_dir.to_owned(),
            });
        }
        match File::open(file) {
            Ok(opened) => Self::read(file, &opened),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            Err(_) if holds_sealed_data(data_dir).map_err(failed)? => Err(MasterKeyError::Lost {
                file: file.to_owned(),
                data_dir: data_dir.to_owned(),
            }),
            Err(_) => {
                create(file).map_err(failed)?;
                Self::read(file, &File::open(file).map_err(failed)?)
            }
        }
    }

    fn read(path: &Path, mut file: &File) -> Result<Self, MasterKeyError> {
        let failed = |why| MasterKeyError::Io {
            file: path.to_owned(),
            why,
        };
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(MasterKeyError::Exposed {
                file: path.to_owned(),
                mode,
            });
        }
        // One byte more than a key has, so that a longer file is told from a key.
        let mut text = Zeroizing::new(Vec::with_capacity(FILE_BYTES + 1));
        (&mut file)
            .take(FILE_BYTES as u64 + 1)
            .read_to_end(&mut text)
            .map_err(failed)?;
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        hex::decode_to_slice(text.trim_ascii(), bytes.as_mut()).map_err(|_| {
            MasterKeyError::Malformed {
                file: path.to_owned(),
            }
        })?;
        Ok(Self {
            key: seal::key(&bytes),
            file: path.to_owned(),
        })
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Seals `plain` for `identity` into `out`.
    pub(crate) fn seal(
        &self,
        identity: &Identity,
        plain: &[u8],
        out: &mut impl Write,
    ) -> io::Result<()> {
        seal::seal(&self.key, identity, plain, out)
    }

    /// Opens what was sealed for `identity`.
    pub(crate) fn open(
        &self,
        identity: &Identity,
        object: Vec<u8>,
    ) -> Result<Vec<u8>, seal::Error> {
        seal::open(&self.key, identity, object)
    }

    /// An object by which a folder knows this key again.
    pub(crate) fn check(&self) -> io::Result<Vec<u8>> {
        let mut object = Vec::new();
        self.seal(&Identity::key_check(), CHECK, &mut object)?;
        Ok(object)
    }

    /// Whether `check` was made with this key.
    pub(crate) fn made(&self, check: Vec<u8>) -> bool {
        self.open(&Identity::key_check(), check)
            .is_ok_and(|plain| plain == CHECK)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

/// The path without links, also when its end does not exist yet.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let mut missing = PathBuf::new();
    for ancestor in absolute.ancestors() {
        match ancestor.canonicalize() {
            Ok(resolved) => return Ok(resolved.join(missing)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                missing = Path::new(ancestor.file_name().unwrap_or_default()).join(missing);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(absolute)
}

fn holds_sealed_data(data_dir: &Path) -> io::Result<bool> {
    if data_dir.join(crate::database::FILE).try_exists()? {
        return Ok(true);
    }
    match std::fs::read_dir(data_dir.join(crate::packages::FOLDER)) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Durable and complete before it has its name; when two servers start at once, one key wins.
fn create(file: &Path) -> io::Result<()> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let bytes = Zeroizing::new(seal::random::<KEY_BYTES>().map_err(io::Error::other)?);
    let mut text = Zeroizing::new(hex::encode(bytes.as_ref()).into_bytes());
    text.push(b'\n');
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(&text)?;
    temporary.as_file().sync_all()?;
    match temporary.persist_noclobber(file) {
        Ok(_) => File::open(folder)?.sync_all(),
        Err(refused) if refused.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(refused) => Err(refused.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_key_is_private_and_found_again() {
        let root = tempfile::tempdir().unwrap();
        let (file, data_dir) = (
            root.path().join("etc/lambkin/master.key"),
            root.path().join("data"),
        );
        let made = MasterKey::load_or_create(&file, &data_dir).unwrap();
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        let again = MasterKey::load_or_create(&file, &data_dir).unwrap();
        assert!(again.made(made.check().unwrap()));
        let other = MasterKey::load_or_create(&root.path().join("other"), &data_dir).unwrap();
        assert!(!other.made(made.check().unwrap()));
        let key = fs::read_to_string(&file).unwrap();
        assert!(!format!("{made:?}").contains(key.trim()));
        assert!(!data_dir.exists());
    }

    #[test]
    fn a_key_inside_the_data_folder_is_refused_through_links_too() {
        let root = tempfile::tempdir().unwrap();
        let data_dir = root.path().join("data");
        let refused = |file: &Path| {
            matches!(
                MasterKey::load_or_create(file, &data_dir),
                Err(MasterKeyError::InsideDataDir { .. })
            )
        };
        assert!(refused(&data_dir.join("master.key")));
        fs::create_dir(&data_dir).unwrap();
        std::os::unix::fs::symlink(&data_dir, root.path().join("link")).unwrap();
        assert!(refused(&root.path().join("link/keys/master.key")));
        assert!(!refused(&root.path().join("data-keys")));
    }

    #[test]
    fn a_lost_key_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let (file, data_dir) = (root.path().join("master.key"), root.path().join("data"));
        fs::create_dir_all(data_dir.join("blobs")).unwrap();
        fs::write(data_dir.join("blobs/x"), "sealed").unwrap();
        let refused = MasterKey::load_or_create(&file, &data_dir).unwrap_err();
        assert!(matches!(refused, MasterKeyError::Lost { .. }));
        assert!(
            refused.to_string().contains("master key") && refused.to_string().contains("restore")
        );
        assert!(!file.exists());
    }

    #[test]
    fn a_key_that_others_reach_or_that_is_no_key_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("master.key");
        MasterKey::load_or_create(&file, root.path().join("data").as_path()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        let load = || MasterKey::load_or_create(&file, root.path().join("data").as_path());
        assert!(matches!(
            load(),
            Err(MasterKeyError::Exposed { mode: 0o640, .. })
        ));
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        for wrong in ["", "00", &"0".repeat(66), &"x".repeat(64)] {
            fs::write(&file, wrong).unwrap();
            assert!(
                matches!(load(), Err(MasterKeyError::Malformed { .. })),
                "{wrong}"
            );
        }
    }
}
