//! The setting `swap` as it is written.

use serde::Deserialize;

/// Where pages of idle environments may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Swap {
    /// Nowhere.
    Off,
    /// To swap that is compressed memory.
    Zram,
    /// To a disk as well.
    Any,
}

impl From<Swap> for lambkin_engine::Swap {
    fn from(setting: Swap) -> Self {
        match setting {
            Swap::Off => Self::Off,
            Swap::Zram => Self::Zram,
            Swap::Any => Self::Any,
        }
    }
}
