//! What is decided of a destination, and why.

use super::{Forbidden, Rule};
use std::fmt;

/// SMTP between servers: closed to every function, as on AWS.
pub(super) const MAIL_PORT: u16 = 25;

/// Whether a connection may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// It may not.
    Denied(Denial),
}

/// Why a connection may not be made. Its text completes "… is denied: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No function reaches the address; no rule opens it.
    Address(Forbidden),
    /// An address of this machine; no rule opens it. Never from [`Rules::decide`](super::Rules::decide):
    /// only routes tell.
    Machine,
    /// TCP port 25; no rule opens it.
    Mail,
    /// A rule of the function.
    Rule(Rule),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(why) => write!(f, "no function reaches {why}"),
            Self::Machine => f.write_str("no function reaches addresses of this machine"),
            Self::Mail => f.write_str("port 25 is closed to every function"),
            Self::Rule(rule) => write!(f, "the function's rule `{rule}`"),
        }
    }
}
