//! The network rules of every function as they are now: what a connection is decided by.
//!
//! ```text
//! start, create ─▶ insert ─▶ an environment takes its function's rules once: `of`
//! edit (durable) ─▶ set ───▶ its next connection reads the new ones: `FunctionRules::now`
//! delete ────────▶ remove ─▶ environments that still run keep the last ones
//! ```
//! A name without rules of its own reaches nothing: unknown is not allowed.

use lambkin_model::FunctionName;
use lambkin_model::egress::Rules;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The rules of one function, shared by its environments. Reading never waits for I/O.
#[derive(Debug)]
pub(crate) struct FunctionRules(RwLock<Arc<Rules>>);

impl FunctionRules {
    pub(crate) fn new(rules: Rules) -> Self {
        Self(RwLock::new(Arc::new(rules)))
    }

    /// The rules of this moment. To be read anew for each connection: an update is then in force at once.
    pub(crate) fn now(&self) -> Arc<Rules> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces them; they are durable already.
    pub(crate) fn set(&self, rules: Arc<Rules>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rules;
    }
}

/// By function. Environments look here once, when they are made.
#[derive(Default)]
pub(crate) struct PresentRules(RwLock<HashMap<FunctionName, Arc<FunctionRules>>>);

impl PresentRules {
    /// A function begins its life with these.
    pub(crate) fn insert(&self, name: FunctionName, rules: Rules) {
        let rules = Arc::new(FunctionRules::new(rules));
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, rules);
    }

    /// A function is no more.
    pub(crate) fn remove(&self, name: &FunctionName) {
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
    }

    /// The rules of a function, for an environment of it; of one that is gone, those that reach nothing.
    pub(crate) fn of(&self, name: &FunctionName) -> Arc<FunctionRules> {
        let found = self.find(name);
        found.unwrap_or_else(|| Arc::new(FunctionRules::new(Rules::none_reached())))
    }

    /// The rules of a function, if there is such a function.
    pub(crate) fn find(&self, name: &FunctionName) -> Option<Arc<FunctionRules>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::egress::{Action, Verdict};

    #[test]
    fn an_update_reaches_whoever_holds_the_rules_and_a_deletion_takes_none_away() {
        let (present, name) = (PresentRules::default(), FunctionName::new("f").unwrap());
        let outside = "203.0.113.1:443".parse().unwrap();
        let is_open = |rules: &FunctionRules| rules.now().decide(outside) == Verdict::Allowed;
        assert!(!is_open(&present.of(&name)), "unknown is not allowed");

        present.insert(name.clone(), Rules::default());
        let held = present.of(&name);
        assert!(is_open(&held));
        let deny = Rules::default().with(Action::Deny, &["203.0.113.0/24".parse().unwrap()]);
        present.find(&name).unwrap().set(Arc::new(deny.unwrap()));
        assert!(!is_open(&held));

        present.remove(&name);
        present.insert(name.clone(), Rules::default());
        assert!(!is_open(&held), "of the function that was deleted");
        assert!(is_open(&present.of(&name)));
    }
}
