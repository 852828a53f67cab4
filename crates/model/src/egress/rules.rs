//! The rules of one function: at most [`Rules::MAX`], kept in the order in which they are weighed.

use super::verdict::MAIL_PORT;
use super::{Action, Denial, Forbidden, Rule, Target, Verdict, canonical};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Allows and denies. None at first: then all is allowed but what is denied to every function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Rule>", into = "Vec<Rule>")]
pub struct Rules(Vec<Rule>);

/// Why rules stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// More than fit.
    #[error(
        "a function has at most {max} rules and this would make {0}: deny or allow wider networks instead",
        max = Rules::MAX
    )]
    TooMany(usize),
    /// An allow that would have no effect.
    #[error("`allow {0}` would have no effect: {1}, and no rule opens that")]
    CannotOpen(Target, Denial),
    /// The rule to remove is not there.
    #[error("there is no rule for {0}: write it as `show` does")]
    NotThere(Target),
}

impl Rules {
    /// Most rules of a function: each connection weighs them one by one.
    pub const MAX: usize = 64;

    /// Denies everything: what holds where a function's rules are not known.
    pub fn none_reached() -> Self {
        let all = ["0.0.0.0/0", "::/0"]
            .into_iter()
            .flat_map(str::parse::<Target>);
        let deny = |target| Rule {
            action: Action::Deny,
            target,
        };
        Self::from(all.map(deny).collect::<Vec<_>>())
    }

    /// Whether a connection to `destination` may be made; `0` ports and any form of an address may come.
    /// Whether it is an address of the machine is not looked at.
    pub fn decide(&self, destination: SocketAddr) -> Verdict {
        let destination = SocketAddr::new(canonical(destination.ip()), destination.port());
        if let Some(why) = Forbidden::of(destination.ip()) {
            return Verdict::Denied(Denial::Address(why));
        }
        if destination.port() == MAIL_PORT {
            return Verdict::Denied(Denial::Mail);
        }
        match self.0.iter().find(|rule| rule.target.covers(destination)) {
            Some(rule) if rule.action == Action::Deny => Verdict::Denied(Denial::Rule(*rule)),
            _ => Verdict::Allowed,
        }
    }

    /// Whether nothing can be reached by them: every address is denied, and nothing is allowed.
    pub fn open_nothing(&self) -> bool {
        let denies_all = |of_v6: bool| {
            self.0.iter().any(|rule| {
                rule.target.is_everything() && rule.target.network().addr().is_ipv6() == of_v6
            })
        };
        let allows = self.0.iter().any(|rule| rule.action == Action::Allow);
        !allows && denies_all(false) && denies_all(true)
    }

    /// The same rules with more of one action; a target that had the other one changes its action.
    pub fn with(&self, action: Action, targets: &[Target]) -> Result<Self, EditError> {
        let unopened = targets
            .iter()
            .find_map(|target| Some((target, target.cannot_open()?)));
        if let (Action::Allow, Some((target, why))) = (action, unopened) {
            return Err(EditError::CannotOpen(*target, why));
        }
        let kept = self.0.iter().filter(|rule| !targets.contains(&rule.target));
        let new = targets.iter().map(|target| Rule {
            action,
            target: *target,
        });
        let rules = Self::from(kept.copied().chain(new).collect::<Vec<_>>());
        match rules.0.len() {
            0..=Self::MAX => Ok(rules),
            count => Err(EditError::TooMany(count)),
        }
    }

    /// The same rules without those of some targets.
    pub fn without(&self, targets: &[Target]) -> Result<Self, EditError> {
        let is_there = |target: &&Target| self.0.iter().any(|rule| rule.target == **target);
        if let Some(missing) = targets.iter().find(|target| !is_there(target)) {
            return Err(EditError::NotThere(*missing));
        }
        let kept = self.0.iter().filter(|rule| !targets.contains(&rule.target));
        Ok(Self(kept.copied().collect()))
    }

    /// The rules in the order in which they are weighed: the first that covers a destination decides.
    pub fn as_slice(&self) -> &[Rule] {
        &self.0
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(mut rules: Vec<Rule>) -> Self {
        rules.sort_unstable();
        rules.dedup();
        Self(rules)
    }
}

impl From<Rules> for Vec<Rule> {
    fn from(rules: Rules) -> Self {
        rules.0
    }
}

#[cfg(test)]
mod tests;
