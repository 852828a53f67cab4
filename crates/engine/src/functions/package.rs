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
    /// A row names it now.
    pub(super) fn keep(self) {
        self.room.keep();
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

    /// Takes back an admitted package that no row will name.
    pub(super) async fn reject(&self, admitted: Admitted) {
        self.remove(admitted.code.blob).await;
    }

    /// Room for a row more that names a package which is there.
    pub(super) fn take_room(&self, bytes: u64) -> Result<Room, Error> {
        self.storage.take(bytes)
    }

    /// Another row names this package too.
    pub(super) fn share(&self, code: &Code) {
        self.holders.join(code.blob);
    }

    /// A row does not name this package any more; the package goes with the last one.
    pub(super) async fn discard(&self, code: &Code) {
        self.storage.give_back(code.size_bytes);
        if self.holders.leave(code.blob) {
            self.remove(code.blob).await;
        }
    }

    pub(super) async fn get(&self, function: &Function) -> Result<Bytes, Error> {
        let packages = self.store.packages();
        Ok(packages
            .get(&function.scope, &function.name, function.code.blob)
            .await?)
    }

    async fn remove(&self, blob: Uuid) {
        if let Err(error) = self.store.packages().remove(blob).await {
            tracing::warn!(%blob, %error, "a package stays until the next start");
        }
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

    #[test]
    fn sizes_are_refused_as_aws_refuses_them() {
        let check = |bytes: usize| check_size(&Bytes::from(vec![0; bytes]), 10);
        assert!(
            matches!(check(0), Err(Error::Invalid(text)) if text == "Uploaded file must be a non-empty zip")
        );
        assert!(check(1).is_ok() && check(10).is_ok());
        assert_eq!(check(11), Err(Error::PackageTooLarge(10)));
    }

    #[test]
    fn a_package_too_large_unzipped_is_told_the_limit() {
        assert_eq!(
            rejection_text(Rejection::TooLarge, 262_144_000),
            "Unzipped size must be smaller than 262144000 bytes"
        );
    }
}
