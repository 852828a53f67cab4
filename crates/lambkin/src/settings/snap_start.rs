//! The setting `snap_start` as it is written.

use lambkin_engine::Cloning;
use serde::Deserialize;

/// What is loaded once, of functions whose owner has switched SnapStart on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SnapStart {
    /// Nothing.
    Off,
    /// Published versions, as on AWS.
    Published,
    /// `$LATEST` as well.
    Latest,
}

impl From<SnapStart> for Cloning {
    fn from(setting: SnapStart) -> Self {
        match setting {
            SnapStart::Off => Self::Off,
            SnapStart::Published => Self::Published,
            SnapStart::Latest => Self::Latest,
        }
    }
}
