//! What a function's programs may reach: hard denials that hold for all, and the rules of each function.
//!
//! Owns: how a rule is written, how addresses are read, and which rule decides. Refuses: I/O; whether an
//! address is the machine's own is for the one who can look at its routes ([`Denial::Machine`]).
//!
//! ```text
//! destination ─▶ canonical address ─▶ hard denials ─▶ the machine's own? (not here)
//!                                       ─▶ most specific network ─▶ narrowest ports ─▶ deny before allow
//!                                       ─▶ no rule: allowed
//! ```

/// The name by which functions reach the server's own API, where its operator lets them.
pub const API_NAME: &str = "lambkin.internal";

mod address;
mod forbidden;
mod ports;
mod rule;
mod rules;
mod target;
mod verdict;

pub use address::canonical;
pub use forbidden::Forbidden;
pub use ports::Ports;
pub use rule::{Action, Rule};
pub use rules::{EditError, Rules};
pub use target::{Target, TargetError, Targets};
pub use verdict::{Denial, Verdict};
