//! Packages: one sealed object each, in `blobs/`, under a random name.
//!
//! ```text
//! put: temporary file -> sealed bytes -> fsync -> rename -> fsync of the folder -> (the caller commits its row)
//! ```
//! A kill before the row leaves an object that no row names; [`Packages::sweep`] removes it at the next
//! start. A torn or foreign object fails its seal and is never served.

use crate::seal::{self, Identity};
use crate::{Error, MasterKey, folder};
use bytes::Bytes;
use lambkin_model::{FunctionName, Scope};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Folder of the sealed objects.
pub(crate) const FOLDER: &str = "blobs";
/// Bytes of a package: what AWS allows unpacked, so no zip that is accepted is larger.
const PACKAGE_BYTES_MAX: usize = 262_144_000;
/// Operations at once: each holds a package in memory and keeps a disk and a core busy.
const OPERATIONS_MAX: usize = 4;
/// What is handed to the kernel at once.
const WRITE_BYTES: usize = 1024 * 1024;

/// Sealed packages.
pub struct Packages {
    files: Arc<Files>,
    permits: Arc<Semaphore>,
}

struct Files {
    folder: PathBuf,
    key: Arc<MasterKey>,
}

impl Packages {
    pub(crate) fn open(data_dir: &Path, key: Arc<MasterKey>) -> io::Result<Self> {
        let folder = data_dir.join(FOLDER);
        folder::make_private(&folder)?;
        folder::sync(data_dir)?;
        Ok(Self {
            files: Arc::new(Files { folder, key }),
            permits: Arc::new(Semaphore::new(OPERATIONS_MAX)),
        })
    }

    /// Keeps a package; durable (fsync of file and folder) when it returns.
    pub async fn put(
        &self,
        scope: &Scope,
        name: &FunctionName,
        blob: Uuid,
        package: Bytes,
    ) -> Result<(), Error> {
        let identity = Identity::package(scope, name, blob);
        self.run(move |files| files.put(&identity, blob, &package))
            .await
    }

    /// The package that was put for this very function under this name.
    pub async fn get(
        &self,
        scope: &Scope,
        name: &FunctionName,
        blob: Uuid,
    ) -> Result<Bytes, Error> {
        let identity = Identity::package(scope, name, blob);
        self.run(move |files| files.get(&identity, blob)).await
    }

    /// Removes a package; one that is not there is no error.
    pub async fn remove(&self, blob: Uuid) -> Result<(), Error> {
        self.run(move |files| remove(&files.path(blob))).await
    }

    /// Removes every package that is not in `keep`: what a kill between two steps left. At start only:
    /// a package that is being put has no row yet.
    pub async fn sweep(&self, keep: &HashSet<Uuid>) -> Result<(), Error> {
        let keep = keep.iter().map(|blob| file_name(*blob)).collect();
        self.run(move |files| files.sweep(&keep)).await
    }

    /// Refuses every later call: the folder may have another owner from now on.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    /// Runs on tokio's blocking pool; a caller that goes away leaves the operation running to its end.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Files) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let closed = |_| Error::Unavailable("the store is closed".to_owned());
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(closed)?;
        let files = Arc::clone(&self.files);
        let task = tokio::task::spawn_blocking(move || {
            let result = operation(&files);
            drop(permit);
            result
        });
        task.await
            .unwrap_or_else(|error| Err(Error::Unavailable(format!("packages: {error}"))))
    }
}

impl Files {
    fn put(&self, identity: &Identity, blob: Uuid, package: &[u8]) -> Result<(), Error> {
        if package.len() > PACKAGE_BYTES_MAX {
            return Err(Error::Unavailable(format!(
                "a package has at most {PACKAGE_BYTES_MAX} bytes"
            )));
        }
        let mut temporary = tempfile::NamedTempFile::new_in(&self.folder)?;
        let mut writer = BufWriter::with_capacity(WRITE_BYTES, temporary.as_file_mut());
        self.key.seal(identity, package, &mut writer)?;
        writer
            .into_inner()
            .map_err(|error| error.into_error())?
            .sync_all()?;
        temporary
            .persist(self.path(blob))
            .map_err(|refused| refused.error)?;
        Ok(folder::sync(&self.folder)?)
    }

    fn get(&self, identity: &Identity, blob: Uuid) -> Result<Bytes, Error> {
        let limit = seal::sealed_len(PACKAGE_BYTES_MAX) as u64;
        let file = File::open(self.path(blob))?;
        let len = file.metadata()?.len().min(limit);
        let mut object = Vec::with_capacity(len as usize);
        file.take(limit).read_to_end(&mut object)?;
        Ok(self.key.open(identity, object)?.into())
    }

    fn sweep(&self, keep: &HashSet<String>) -> Result<(), Error> {
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            if !entry
                .file_name()
                .to_str()
                .is_some_and(|name| keep.contains(name))
            {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, blob: Uuid) -> PathBuf {
        self.folder.join(file_name(blob))
    }
}

fn file_name(blob: Uuid) -> String {
    blob.simple().to_string()
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
