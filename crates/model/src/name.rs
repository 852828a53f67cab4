//! Function names, qualifiers, and every form in which AWS lets a caller write them.

use crate::{AccountId, Region};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A function's name: 1 to 64 letters, digits, `-` and `_`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionName(Arc<str>);

impl FunctionName {
    /// Most characters of a name.
    pub const LENGTH_MAX: usize = 64;

    /// Holds a bare name against the rules.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty()
            || !text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            return Err(NameError::Malformed);
        }
        if text.len() > Self::LENGTH_MAX {
            return Err(NameError::TooLong(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for FunctionName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FunctionName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// What follows a name: which configuration of it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `$LATEST`.
    Latest,
    /// A published version.
    Version(u64),
    /// An alias.
    Alias(String),
}

impl Qualifier {
    /// Reads a qualifier; the model's patterns were checked before.
    pub fn parse(text: &str) -> Self {
        let version = || {
            text.starts_with(|first: char| matches!(first, '1'..='9'))
                .then(|| text.parse())
        };
        match text {
            "$LATEST" => Self::Latest,
            _ => match version() {
                Some(Ok(number)) => Self::Version(number),
                _ => Self::Alias(text.to_owned()),
            },
        }
    }
}

impl fmt::Display for Qualifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::Version(number) => number.fmt(f),
            Self::Alias(name) => f.write_str(name),
        }
    }
}

/// A function as a caller names it: `name`, `name:qualifier`, a partial or a full ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRef {
    /// Region, when the caller wrote one.
    pub region: Option<Region>,
    /// Account, when the caller wrote one.
    pub account: Option<AccountId>,
    /// The name.
    pub name: FunctionName,
    /// The qualifier, when the caller wrote one.
    pub qualifier: Option<Qualifier>,
}

/// Why a name is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not one of the forms.
    #[error("not a function name")]
    Malformed,
    /// The bare name has more than 64 characters.
    #[error(
        "1 validation error detected: Value '{0}' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"
    )]
    TooLong(String),
}

impl FunctionRef {
    /// Reads any of AWS's forms: `name[:q]`, `function:name[:q]`, `account:function:name[:q]`,
    /// `arn:aws:lambda:region:account:function:name[:q]`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut parts: Vec<&str> = text.split(':').collect();
        let (mut region, mut account) = (None, None);
        if parts.first() == Some(&"arn") {
            if parts.len() < 7 || parts[2] != "lambda" || parts[5] != "function" {
                return Err(NameError::Malformed);
            }
            region = Some(Region::new(parts[3]).ok_or(NameError::Malformed)?);
            account = Some(AccountId::new(parts[4]).ok_or(NameError::Malformed)?);
            parts.drain(..6);
        } else if parts.len() >= 3 && parts[1] == "function" {
            account = Some(AccountId::new(parts[0]).ok_or(NameError::Malformed)?);
            parts.drain(..2);
        } else if parts.len() >= 2 && parts[0] == "function" {
            parts.drain(..1);
        }
        let qualifier = match parts.len() {
            1 => None,
            2 if !parts[1].is_empty() => Some(Qualifier::parse(parts[1])),
            _ => return Err(NameError::Malformed),
        };
        Ok(Self {
            region,
            account,
            name: FunctionName::new(parts[0])?,
            qualifier,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = (
        Option<&'static str>,
        Option<&'static str>,
        &'static str,
        Option<Qualifier>,
    );

    fn assert_reads_as(text: &str, (region, account, name, qualifier): Parts) {
        let read = FunctionRef::parse(text).unwrap();
        assert_eq!(read.region.as_ref().map(Region::as_str), region, "{text}");
        assert_eq!(
            read.account.as_ref().map(AccountId::as_str),
            account,
            "{text}"
        );
        assert_eq!(
            (read.name.as_str(), read.qualifier),
            (name, qualifier),
            "{text}"
        );
    }

    #[test]
    fn every_form_of_a_name_is_read() {
        let (region, account) = (Some("us-east-1"), Some("123456789012"));
        let live = || Some(Qualifier::Alias("live".to_owned()));
        assert_reads_as("f", (None, None, "f", None));
        assert_reads_as("f:live", (None, None, "f", live()));
        assert_reads_as("function:f", (None, None, "f", None));
        assert_reads_as("123456789012:function:f", (None, account, "f", None));
        assert_reads_as(
            "123456789012:function:f:7",
            (None, account, "f", Some(Qualifier::Version(7))),
        );
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
        assert_reads_as(arn, (region, account, "f", None));
        assert_reads_as(
            &format!("{arn}:$LATEST"),
            (region, account, "f", Some(Qualifier::Latest)),
        );
        assert_reads_as(&format!("{arn}:live"), (region, account, "f", live()));
    }

    #[test]
    fn what_is_no_form_of_a_name_is_refused() {
        for wrong in [
            "",
            "f:",
            "f:1:2",
            "a.b",
            "a/b",
            "../x",
            "12:function:f",
            "arn:aws:lambda:us-east-1:123456789012:function",
            "arn:aws:lambda:us-east-1:1:function:f",
            "arn:aws:s3:us-east-1:123456789012:function:f",
            "arn:aws:lambda:us-east-1:123456789012:layer:f",
            "arn:aws:lambda:us-east-1:123456789012:function:f:1:2",
        ] {
            assert_eq!(
                FunctionRef::parse(wrong),
                Err(NameError::Malformed),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_bare_name_has_at_most_64_characters() {
        assert!(FunctionName::new(&"n".repeat(64)).is_ok());
        let long = "n".repeat(65);
        assert_eq!(
            FunctionName::new(&long),
            Err(NameError::TooLong(long.clone()))
        );
    }

    #[test]
    fn a_number_with_a_leading_zero_is_no_version() {
        assert_eq!(Qualifier::parse("10"), Qualifier::Version(10));
        assert_eq!(Qualifier::parse("010"), Qualifier::Alias("010".to_owned()));
        let beyond_u64 = "99999999999999999999";
        assert_eq!(Qualifier::parse(beyond_u64).to_string(), beyond_u64);
    }

    #[test]
    fn a_stored_name_is_held_against_the_rules() {
        assert!(serde_json::from_str::<FunctionName>("\"ok-1_\"").is_ok());
        assert!(serde_json::from_str::<FunctionName>("\"../x\"").is_err());
    }
}
