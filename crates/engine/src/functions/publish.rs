//! PublishVersion: the function as it is now, under a number and for good.
//!
//! ```text
//! unchanged since the last version -> that version
//! else: row of the version and the function's under a new revision, in one transaction -> live at once
//! ```
//! A version shares its function's package, and counts as another one.

use super::{Error, Inner};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambkin_model::{Function, FunctionName, LastUpdate, State, Tags, Version};
use std::sync::Arc;
use uuid::Uuid;

/// Versions of one function: a list of all has 200 pages, and they take some 25 MB of memory.
const VERSIONS_MAX: usize = 10_000;
/// Versions of the account: some 150 MB of memory, and up to 400 MB if all have as many variables as they may.
const VERSIONS_IN_ALL_MAX: usize = 50_000;

/// What a caller of PublishVersion decides.
#[derive(Default)]
pub struct Publish {
    /// The version's description instead of the function's.
    pub description: Option<String>,
    /// Base64 of the SHA-256 that the package must have.
    pub code_sha256: Option<String>,
    /// The revision that the caller believes to be the latest.
    pub revision_id: Option<String>,
}

impl Inner {
    pub(super) async fn publish(
        &self,
        name: &FunctionName,
        request: Publish,
    ) -> Result<Arc<Function>, Error> {
        let _turn = self.turns.take(name).await;
        let current = self.updatable(name, request.revision_id.as_deref())?;
        check_code(&current, request.code_sha256.as_deref())?;
        let current = Function::clone(&current);
        if let Some(last) = self.published_already(&current) {
            return Ok(last);
        }
        let expected = current.revision_id;
        let latest = Function {
            revision_id: Uuid::new_v4(),
            ..current
        };
        let description = request.description;
        let (_, version) = self
            .publish_row(latest, Some(expected), description)
            .await?;
        Ok(version)
    }

    /// The last version, if the function has not changed since. Called in the name's turn.
    pub(super) fn published_already(&self, latest: &Function) -> Option<Arc<Function>> {
        let last = self.registry.last_version(&latest.name);
        last.filter(|last| last.content_id == latest.content_id)
    }

    /// Makes the function's row and that of a version of it durable and shows both. Called in the name's turn.
    pub(super) async fn publish_row(
        &self,
        latest: Function,
        expected: Option<Uuid>,
        description: Option<String>,
    ) -> Result<(Arc<Function>, Arc<Function>), Error> {
        let own = self.registry.count_versions(&latest.name);
        check_count(own, self.registry.count_all_versions())?;
        let room = self.packages.take_room(latest.code.size_bytes)?;
        let rows = self.store.functions();
        let number = rows.next_version(&self.scope, &latest.name).await?;
        let version = Arc::new(version_of(&latest, number, description));
        let latest = Arc::new(latest);
        let (row, version_row) = (Arc::clone(&latest), Arc::clone(&version));
        rows.publish(row, expected, version_row).await?;
        room.keep();
        self.packages.share(&version.code);
        self.registry.show(Arc::clone(&latest));
        self.registry.add_version(Arc::clone(&version));
        self.pools.prepare(&version);
        Ok((latest, version))
    }
}

/// A version has nothing to wait for, so it is Active whatever its function is at this moment.
fn version_of(latest: &Function, number: u64, description: Option<String>) -> Function {
    let mut version = Function {
        version: Version::Published(number),
        revision_id: Uuid::new_v4(),
        state: State::Active,
        last_update: Some(LastUpdate::Successful),
        tags: Tags::default(),
        ..latest.clone()
    };
    if let Some(description) = description {
        version.settings.description = description;
    }
    version
}

/// Of the function, and of all functions; AWS bounds them by their packages alone.
fn check_count(own: usize, all: usize) -> Result<(), Error> {
    let (whose, max) = match (own, all) {
        (VERSIONS_MAX.., _) => ("A function has", VERSIONS_MAX),
        (_, VERSIONS_IN_ALL_MAX..) => ("All functions together have", VERSIONS_IN_ALL_MAX),
        _ => return Ok(()),
    };
    Err(Error::Invalid(format!(
        "{whose} at most {max} versions. Delete some that nobody needs."
    )))
}

fn check_code(latest: &Function, expected: Option<&str>) -> Result<(), Error> {
    let present = STANDARD.encode(latest.code.sha256);
    match expected {
        Some(expected) if expected != present => Err(Error::Invalid(format!(
            "CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({present}). Please try again with the CodeSHA256 in $LATEST."
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_version_is_active_and_has_its_own_description_if_it_was_given_one() {
        let pending = Function {
            state: State::Pending,
            last_update: None,
            ..crate::testing::function("f", BTreeMap::new())
        };
        let version = version_of(&pending, 3, Some("third".into()));
        assert_eq!(version.version_arn(), pending.arn() + ":3");
        assert_eq!(
            (version.state, version.last_update),
            (State::Active, Some(LastUpdate::Successful))
        );
        assert_eq!(version.settings.description, "third");
        assert_ne!(version.revision_id, pending.revision_id);
        assert_eq!(version.content_id, pending.content_id);
        assert_eq!(version_of(&pending, 4, None).settings, pending.settings);
    }

    #[test]
    fn versions_are_bounded_by_function_and_in_all() {
        assert_eq!(check_count(9_999, 49_999), Ok(()));
        let refused = |own, all| check_count(own, all).unwrap_err().to_string();
        assert!(refused(10_000, 10_000).starts_with("A function has at most 10000 versions."));
        assert!(refused(0, 50_000).starts_with("All functions together have at most 50000 "));
    }

    #[test]
    fn another_package_than_expected_is_not_published() {
        let latest = crate::testing::function("f", BTreeMap::new());
        let present = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert_eq!(check_code(&latest, None), Ok(()));
        assert_eq!(check_code(&latest, Some(present)), Ok(()));
        let refused = check_code(&latest, Some("other")).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!(
                "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST ({present}). Please try again with the CodeSHA256 in $LATEST."
            )
        );
    }
}
