//! The runtimes, by AWS's identifiers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A runtime that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Runtime {
    /// `python3.<minor>`, 3.8 and newer.
    Python {
        /// The minor version.
        minor: u8,
    },
    /// `nodejs<major>.x`, 18 and newer.
    Node {
        /// The major version.
        major: u8,
    },
    /// `provided.al2`: a bootstrap of the function's own.
    ProvidedAl2,
    /// `provided.al2023`: a bootstrap of the function's own.
    ProvidedAl2023,
}

impl Runtime {
    /// Reads AWS's identifier; `None` for one that is not known or too old.
    pub fn parse(identifier: &str) -> Option<Self> {
        let digits = |text: &str| {
            let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.parse::<u8>().ok()).flatten()
        };
        match identifier {
            "provided.al2" => return Some(Self::ProvidedAl2),
            "provided.al2023" => return Some(Self::ProvidedAl2023),
            _ => {}
        }
        if let Some(minor) = identifier.strip_prefix("python3.") {
            return digits(minor)
                .filter(|minor| *minor >= 8)
                .map(|minor| Self::Python { minor });
        }
        let major = identifier.strip_prefix("nodejs")?.strip_suffix(".x")?;
        digits(major)
            .filter(|major| *major >= 18)
            .map(|major| Self::Node { major })
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python { minor } => write!(f, "python3.{minor}"),
            Self::Node { major } => write!(f, "nodejs{major}.x"),
            Self::ProvidedAl2 => f.write_str("provided.al2"),
            Self::ProvidedAl2023 => f.write_str("provided.al2023"),
        }
    }
}

impl Serialize for Runtime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Runtime {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let identifier = String::deserialize(deserializer)?;
        Self::parse(&identifier).ok_or_else(|| serde::de::Error::custom("unknown runtime"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_reads_and_writes_the_same() {
        for known in [
            "python3.8",
            "python3.14",
            "nodejs18.x",
            "nodejs24.x",
            "provided.al2",
            "provided.al2023",
        ] {
            let runtime = Runtime::parse(known).unwrap();
            assert_eq!(runtime.to_string(), known);
            let json = serde_json::to_string(&runtime).unwrap();
            assert_eq!(serde_json::from_str::<Runtime>(&json).unwrap(), runtime);
        }
    }

    #[test]
    fn what_is_retired_unknown_or_oddly_written_is_refused() {
        for unknown in [
            "",
            "python3.7",
            "python2.7",
            "python3.",
            "python3.011",
            "python3.+9",
            "python3.999",
            "nodejs16.x",
            "nodejs20",
            "nodejs.x",
            "java21",
            "provided",
            "Python3.11",
        ] {
            assert_eq!(Runtime::parse(unknown), None, "{unknown}");
        }
    }
}
