//! Packages on their way in and out: sizes, the unpacking that proves them sound, and the sealed object.
//!
//! A package is unpacked before it is written, so that a hostile one leaves nothing behind.

use super::Error;
use super::code_storage::{CodeStorage, Room};
use super::holders::Holders;
use crate::code::{self, Trees};
use bytes::Bytes;
use lambkin_model::{Code, Function, FunctionName, Limits, Scope};
use lambkin_sandbox::Rejection;
use lambkin_store::Store;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// The packages of all functions.
pub(super) struct Packages {
    scope: Scope,
    store: Store,
    trees: Arc<Trees>,
    limits: Limits,
    storage: CodeStorage,
    holders: Holders,
}

/// A package that is durable but that no row names yet.
pub(super) struct Admitted {
    pub(super) code: Code,
    room: Room,
}

impl Admitted {
    /// No row will name it, unless the commit of one failed: that may turn out to have happened, so the package stays
    /// until the next start, which knows.
    pub(super) async fn reject(self, store: &Store, why: &Error) {
        match why {
            Error::Internal(_) => self.room.keep(),
            _ => remove(store, self.code.blob).await,
        }
    }
}

impl Packages {
    pub(super) fn new(
        scope: Scope,
        store: Store,
        trees: Arc<Trees>,
        limits: Limits,
        bytes_used: u64,
        holders: Holders,
    ) -> Self {
        let storage = CodeStorage::new(limits.total_code_size_bytes, bytes_used);
        Self {
            scope,
            store,
            trees,
            limits,
            storage,
            holders,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn bytes_used(&self) -> u64 {
        self.storage.used()
    }

    /// Holds a package against the rules without keeping it.
    pub(super) async fn check(&self, package: &Bytes) -> Result<Code, Error> {
        check_size(package, self.limits.code_size_zipped_bytes)?;
        let sha256 = sha256(package.clone()).await?;
        let unpacked = self.trees.admit(sha256, package).await;
        unpacked.map_err(|error| self.refusal(error))?;
        Ok(Code {
            sha256,
            size_bytes: package.len() as u64,
            blob: Uuid::new_v4(),
        })
    }

    /// Holds a package against the rules and makes it durable.
    pub(super) async fn admit(
        &self,
        name: &FunctionName,
        package: Bytes,
    ) -> Result<Admitted, Error> {
        let room = self.storage.take(package.len() as u64)?;
        let code = self.check(&package).await?;
        self.store
            .packages()
            .put(&self.scope, name, code.blob, package)
            .await?;
        Ok(Admitted { code, room })
    }

    /// A row names it now.
    pub(super) fn keep(&self, admitted: Admitted) {
        self.trees.adopt(admitted.code.sha256);
        admitted.room.keep();
    }

    /// Room for a row more that names a package which is there.
    pub(super) fn take_room(&self, bytes: u64) -> Result<Room, Error> {
        self.storage.take(bytes)
    }

    /// Another row names this package too.
    pub(super) fn share(&self, code: &Code) {
        self.holders.join(code.blob);
    }

    /// A row does not name this package any more, and so does not count.
    pub(super) fn give_back(&self, code: &Code) {
        self.storage.give_back(code.size_bytes);
    }

    /// Nothing that knew this package by a row which is gone runs any more; the package goes with the last row. Its tree is
    /// what others have too that brought the same bytes.
    pub(super) async fn discard(&self, code: &Code, have_others: impl FnOnce() -> bool) {
        if self.holders.leave(code.blob) {
            if !have_others() {
                self.trees.abandon(code.sha256);
            }
            remove(&self.store, code.blob).await;
        }
    }

    pub(super) async fn get(&self, function: &Function) -> Result<Bytes, Error> {
        let packages = self.store.packages();
        Ok(packages
            .get(&function.scope, &function.name, function.code.blob)
            .await?)
    }

    fn refusal(&self, error: code::Error) -> Error {
        match error {
            code::Error::Rejected(rejection) => Error::Invalid(rejection_text(
                rejection,
                self.limits.code_size_unzipped_bytes,
            )),
            code::Error::Unavailable(text) => Error::Internal(text),
        }
    }
}

async fn remove(store: &Store, blob: Uuid) {
    if let Err(error) = store.packages().remove(blob).await {
        tracing::warn!(%blob, %error, "a package stays until the next start");
    }
}

const NON_EMPTY: &str = "Uploaded file must be a non-empty zip";
/// What a zip begins with that has no entries.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";

fn check_size(package: &Bytes, bytes_max: u64) -> Result<(), Error> {
    match package.len() as u64 {
        0 => Err(Error::Invalid(NON_EMPTY.to_owned())),
        _ if package.starts_with(EMPTY_ZIP) => Err(Error::Invalid(NON_EMPTY.to_owned())),
        bytes if bytes > bytes_max => Err(Error::PackageTooLarge(bytes_max)),
        _ => Ok(()),
    }
}

/// Hashing 50 MB takes long enough to hold up other tasks.
async fn sha256(package: Bytes) -> Result<[u8; 32], Error> {
    let hashed = tokio::task::spawn_blocking(move || Sha256::digest(&package).into()).await;
    hashed.map_err(|error| Error::Internal(error.to_string()))
}

/// AWS's sentence for every package that it cannot unpack.
const NOT_UNZIPPED: &str =
    "Could not unzip uploaded file. Please check your file, then try to upload again.";

/// AWS's texts; where the zip is sound but hostile, what is wrong with it follows AWS's sentence.
fn rejection_text(rejection: Rejection, unzipped_bytes_max: u64) -> String {
    let why = match rejection {
        Rejection::NotAZip => return NOT_UNZIPPED.to_owned(),
        Rejection::TooLarge => {
            return format!("Unzipped size must be smaller than {unzipped_bytes_max} bytes");
        }
        Rejection::TooManyEntries => "It has too many files and folders.",
        Rejection::BadPath => {
            "It holds a path that is absolute, leaves the package, goes through a file or a link, or cannot be one."
        }
        Rejection::BadLink => "It holds a link that leaves the package.",
        Rejection::BadEntry => {
            "It holds an entry that is encrypted, compressed by another method than deflate, or neither a file, a \
             folder nor a link."
        }
        Rejection::Ratio | Rejection::Overlap => {
            "Its entries share bytes, so that it would unpack to many times its size."
        }
    };
    format!("{NOT_UNZIPPED} {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_store::MasterKey;

    #[test]
    fn sizes_are_refused_as_aws_refuses_them() {
        let check = |bytes: usize| check_size(&Bytes::from(vec![0; bytes]), 10);
        assert!(
            matches!(check(0), Err(Error::Invalid(text)) if text == "Uploaded file must be a non-empty zip")
        );
        assert!(check(1).is_ok() && check(10).is_ok());
        assert_eq!(check(11), Err(Error::PackageTooLarge(10)));
    }

    #[tokio::test]
    async fn a_package_stays_if_a_row_may_name_it() {
        let place = tempfile::tempdir().unwrap();
        let (data_dir, key) = (place.path().join("data"), place.path().join("key"));
        let key = MasterKey::load_or_create(&key, &data_dir).unwrap();
        let config = lambkin_store::Config {
            data_dir,
            log_bytes_per_function_max: 1 << 20,
            log_bytes_max: 1 << 20,
        };
        let store = Store::open(config, key).unwrap();
        let storage = CodeStorage::new(100, 0);
        let function = crate::testing::function("f", Default::default());
        let (scope, name) = (&function.scope, &function.name);
        for (why, bytes_left) in [
            (Error::Exists, 0),
            (Error::CodeStorageExceeded, 0),
            (Error::Internal("not committed".into()), 60),
        ] {
            let room = storage.take(60).unwrap();
            let code = Code {
                blob: Uuid::new_v4(),
                ..function.code.clone()
            };
            let (packages, blob) = (store.packages(), code.blob);
            let put = packages.put(scope, name, blob, Bytes::from_static(b"zip"));
            put.await.unwrap();
            Admitted { code, room }.reject(&store, &why).await;
            let is_there = packages.get(scope, name, blob).await.is_ok();
            assert_eq!(
                (is_there, storage.used()),
                (bytes_left > 0, bytes_left),
                "{why}"
            );
        }
    }

    #[test]
    fn a_package_too_large_unzipped_is_told_the_limit() {
        assert_eq!(
            rejection_text(Rejection::TooLarge, 262_144_000),
            "Unzipped size must be smaller than 262144000 bytes"
        );
    }
}
