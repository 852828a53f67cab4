//! Which function a caller means: every form of a name, held against the scope that is served.

use lambkin_model::{FunctionName, FunctionRef, NameError, Qualifier, Scope};
use std::fmt::Write;

/// A function of the served scope, as its caller named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: FunctionName,
    pub(crate) qualifier: Option<Qualifier>,
}

/// Why a name means no function of the served scope, in AWS's words.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReferenceError {
    /// A form that no function can have, or a version that is not there.
    #[error("Function not found: {0}")]
    NotFound(String),
    #[error("{0}")]
    TooLong(NameError),
    #[error("Functions from '{theirs}' are not reachable in this region ('{ours}')")]
    OtherRegion { theirs: String, ours: String },
    /// AWS says nothing more.
    #[error("access denied")]
    OtherAccount,
    #[error("The derived qualifier from the function name does not match the specified qualifier.")]
    QualifierMismatch,
}

impl Target {
    /// Reads a name and the qualifier beside it.
    pub(crate) fn resolve(
        scope: &Scope,
        name: &str,
        qualifier: Option<&str>,
    ) -> Result<Self, ReferenceError> {
        let read = FunctionRef::parse(name).map_err(|error| match error {
            NameError::Malformed => ReferenceError::NotFound(scope.function_arn(name)),
            NameError::TooLong(_) => ReferenceError::TooLong(error),
        })?;
        if let Some(region) = read.region.filter(|region| *region != scope.region) {
            let (theirs, ours) = (region.to_string(), scope.region.to_string());
            return Err(ReferenceError::OtherRegion { theirs, ours });
        }
        if read.account.is_some_and(|account| account != scope.account) {
            return Err(ReferenceError::OtherAccount);
        }
        let beside = qualifier.map(Qualifier::parse);
        let qualifier = match (read.qualifier, beside) {
            (Some(within), Some(beside)) if within != beside => {
                return Err(ReferenceError::QualifierMismatch);
            }
            (within, beside) => within.or(beside),
        };
        Ok(Self {
            name: read.name,
            qualifier,
        })
    }

    /// The ARN, with the qualifier if the caller gave one.
    pub(crate) fn arn(&self, scope: &Scope) -> String {
        let mut arn = scope.function_arn(self.name.as_str());
        if let Some(qualifier) = &self.qualifier {
            // Writing to a String cannot fail.
            let _ = write!(arn, ":{qualifier}");
        }
        arn
    }

    /// Only functions can be updated and published: a version never changes, so no other qualifier than `$LATEST`
    /// means anything.
    pub(crate) fn unversioned(self, scope: &Scope) -> Result<Self, ReferenceError> {
        if self.is_latest() {
            return Ok(Self {
                qualifier: None,
                ..self
            });
        }
        Err(ReferenceError::NotFound(self.arn(scope)))
    }

    fn is_latest(&self) -> bool {
        matches!(self.qualifier, None | Some(Qualifier::Latest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::{AccountId, Region};

    fn scope() -> Scope {
        Scope {
            account: AccountId::new("123456789012").unwrap(),
            region: Region::new("us-east-1").unwrap(),
        }
    }

    fn resolve(name: &str, qualifier: Option<&str>) -> Result<String, String> {
        Target::resolve(&scope(), name, qualifier)
            .map(|target| target.arn(&scope()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn names_of_this_scope_are_found_with_their_qualifier() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
        assert_eq!(resolve("f", None).as_deref(), Ok(arn));
        assert_eq!(resolve(arn, None).as_deref(), Ok(arn));
        for (name, qualifier) in [
            ("f:7", None),
            ("f", Some("7")),
            ("123456789012:function:f:7", Some("7")),
        ] {
            assert_eq!(resolve(name, qualifier), Ok(format!("{arn}:7")));
        }
    }

    #[test]
    fn other_scopes_and_contradictions_are_refused_in_the_recorded_words() {
        assert_eq!(
            resolve("arn:aws:lambda:eu-west-1:123456789012:function:f", None).unwrap_err(),
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
        );
        let other = Target::resolve(&scope(), "000000000000:function:f", None);
        assert_eq!(other, Err(ReferenceError::OtherAccount));
        assert_eq!(
            resolve("f:1", Some("$LATEST")).unwrap_err(),
            "The derived qualifier from the function name does not match the specified qualifier."
        );
        assert!(
            resolve(&"n".repeat(65), None)
                .unwrap_err()
                .ends_with("less than or equal to 64")
        );
        assert_eq!(
            resolve("a.b", None).unwrap_err(),
            "Function not found: arn:aws:lambda:us-east-1:123456789012:function:a.b"
        );
    }
}
