//! Timestamps as Lambda's JSON bodies carry them.

use serde::{Deserialize, Serialize};

/// Seconds since 1970 with a fraction. (`LastModified` of functions is ISO text instead.)
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochSeconds(pub f64);
