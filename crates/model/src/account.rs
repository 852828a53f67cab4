//! Whose resources: an account in a region. Both are part of every key, although one server serves
//! one pair. Both are cheap to clone: every usage record carries them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A twelve-digit account number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "Arc<str>")]
pub struct AccountId(Arc<str>);

impl AccountId {
    /// Takes exactly twelve digits.
    pub fn new(text: &str) -> Option<Self> {
        let twelve_digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        twelve_digits.then(|| Self(text.into()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("an account number has twelve digits")
    }
}

impl From<AccountId> for Arc<str> {
    fn from(value: AccountId) -> Self {
        value.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A region's name, for instance `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "Arc<str>")]
pub struct Region(Arc<str>);

impl Region {
    /// Takes lower-case letters, digits and dashes, in AWS's form `xx-name-1`.
    pub fn new(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let letters = |part: Option<&str>| {
            part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()))
        };
        let plausible = text.len() <= 32
            && letters(parts.next())
            && letters(parts.next())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && text.bytes().last().is_some_and(|b| b.is_ascii_digit());
        plausible.then(|| Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Region {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("a region reads like us-east-1")
    }
}

impl From<Region> for Arc<str> {
    fn from(value: Region) -> Self {
        value.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The account and region that a resource belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// Whose it is.
    pub account: AccountId,
    /// Where it is.
    pub region: Region,
}

impl Scope {
    /// The ARN of a function of this scope, without a qualifier.
    pub fn function_arn(&self, name: &str) -> String {
        format!(
            "arn:aws:lambda:{}:{}:function:{name}",
            self.region, self.account
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_exactly_twelve_digits() {
        assert!(AccountId::new("012345678901").is_some());
        for wrong in [
            "",
            "12345678901",
            "1234567890123",
            "12345678901x",
            "１２３４",
        ] {
            assert!(AccountId::new(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_region_reads_as_those_of_aws_do() {
        for right in ["us-east-1", "eu-central-2", "us-gov-west-1"] {
            assert!(Region::new(right).is_some(), "{right}");
        }
        for wrong in [
            "",
            "us",
            "us-east",
            "US-EAST-1",
            "us--1",
            "-east-1",
            "us-east-1/..",
            "1-2-3",
        ] {
            assert!(Region::new(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_read_back_is_held_against_the_same_rules() {
        let read = |text: &str| serde_json::from_str::<Scope>(text);
        let scope = read(r#"{"account":"000000000000","region":"us-east-1"}"#).unwrap();
        assert_eq!(
            scope.function_arn("f"),
            "arn:aws:lambda:us-east-1:000000000000:function:f"
        );
        assert!(read(r#"{"account":"0","region":"us-east-1"}"#).is_err());
        assert!(read(r#"{"account":"000000000000","region":"../x-1"}"#).is_err());
    }
}
