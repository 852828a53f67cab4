//! What the bench is made of: rows that are measured round by round.

use super::figures::Figures;

/// One group of figures with its floors. Making one prepares what its rounds need; dropping it ends that.
pub(super) trait Row {
    /// Measures once, floor and subject next to each other.
    fn round(&mut self, round: u32, figures: &mut Figures) -> anyhow::Result<()>;
}

/// A row by name, as `--only` takes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Name {
    /// Warm invokes over one connection.
    Warm,
    /// Requests a second and errors at 2, 8, 64 and 512 connections.
    Load,
    /// First invokes beside bare starts of the same program.
    First,
    /// First invokes of clones beside plain cold starts, and what a clone takes of memory.
    Clone,
    /// 200 invokes at once beside 200 bare interpreter starts.
    Burst,
    /// A sandboxed `true` beside other makers of sandboxes.
    Sandbox,
    /// Memory of the server with 1,000 functions, and of idle environments.
    Memory,
    /// CPU time of 500 frozen environments.
    Frozen,
    /// Connections out of functions.
    Network,
}

impl Name {
    /// Interleaved with each other in every round.
    pub(super) const INTERLEAVED: [Self; 6] = [
        Self::Warm,
        Self::Load,
        Self::First,
        Self::Clone,
        Self::Burst,
        Self::Sandbox,
    ];

    /// Measured after the rounds, each with a server of its own.
    pub(super) const ALONE: [Self; 3] = [Self::Memory, Self::Frozen, Self::Network];

    /// As `--only` takes it.
    pub(super) fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}
