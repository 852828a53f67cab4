//! The version of a function that an invoke runs.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What an alias or qualifier resolved to. Cheap to copy.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum Version {
    /// `$LATEST`, which changes.
    #[default]
    Latest,
    /// A published version, which does not.
    Published(u64),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::Published(number) => number.fmt(f),
        }
    }
}
