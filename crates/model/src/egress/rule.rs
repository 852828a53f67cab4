//! One rule, and its place among others.

use super::Target;
use serde::{Deserialize, Serialize};
use std::cmp::{Ordering, Reverse};
use std::fmt;

/// What a rule does. `Deny` weighs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Connections are refused.
    Deny,
    /// Connections are made.
    Allow,
}

impl Action {
    /// The word of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

/// Allows or denies a target. Ordered as rules are weighed: the first that covers a destination decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// What it does.
    pub action: Action,
    /// To what.
    pub target: Target,
}

impl Ord for Rule {
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |rule: &Self| {
            let (network, ports) = (rule.target.network(), rule.target.ports());
            (
                // Families never meet; apart they are easier to read.
                network.addr().is_ipv6(),
                Reverse(network.prefix_len()),
                ports.width(),
                rule.action,
                // What follows decides nothing; it keeps one order.
                network.addr(),
                ports.first(),
            )
        };
        place(self).cmp(&place(other))
    }
}

impl PartialOrd for Rule {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action.as_str(), self.target)
    }
}
