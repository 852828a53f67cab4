//! The least and the most that a number among the settings may be, and why: what is beyond would fail each request, not
//! the start.

use super::OptionalMib;
use anyhow::ensure;

/// Bounds of one setting, both allowed.
pub(super) struct Bounds {
    pub(super) key: &'static str,
    pub(super) least: u64,
    pub(super) most: u64,
    /// Why not less and not more.
    pub(super) reason: &'static str,
}

impl Bounds {
    /// Refuses a number that lies outside; what is left to its default is inside.
    pub(super) fn check(&self, value: impl Bounded) -> anyhow::Result<()> {
        let Self {
            key,
            least,
            most,
            reason,
        } = self;
        if let Some(number) = value.number() {
            ensure!(
                (*least..=*most).contains(&number),
                "{key} is {number}; it must be from {least} to {most}: {reason}"
            );
        }
        Ok(())
    }
}

/// A setting that has bounds.
pub(super) trait Bounded {
    /// `None` where the default is made at the start.
    fn number(self) -> Option<u64>;
}

impl Bounded for u32 {
    fn number(self) -> Option<u64> {
        Some(self.into())
    }
}

impl Bounded for u64 {
    fn number(self) -> Option<u64> {
        Some(self)
    }
}

impl Bounded for usize {
    fn number(self) -> Option<u64> {
        Some(self as u64)
    }
}

impl Bounded for OptionalMib {
    fn number(self) -> Option<u64> {
        self.0
    }
}
