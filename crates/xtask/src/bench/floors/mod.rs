//! What figures are held against: programs of the repository that do only what cannot be left out.

pub(super) mod echo;
pub(super) mod relay;
mod served;
pub(super) mod start;
