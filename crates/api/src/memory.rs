//! What a connection remembers of its last invokes, so that the warm path parses no name twice. Each
//! connection has its own memory: no lock is shared between clients.

use crate::lambda::Target;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Functions that one connection invokes in turn.
const TARGETS_MAX: usize = 8;

/// Longest path and query that are remembered; an ARN with a qualifier has some 300 bytes.
const PATH_BYTES_MAX: usize = 512;

/// The memory of one connection.
#[derive(Default)]
pub(crate) struct Memory {
    targets: Mutex<Targets>,
}

#[derive(Default)]
struct Targets {
    /// Paths with their queries, as they came, and the functions that they mean.
    known: Vec<(String, Target)>,
    /// Which of them is replaced next.
    oldest: usize,
}

impl Memory {
    /// The function that this very path and query meant before.
    pub(crate) fn target(&self, path_and_query: &str) -> Option<Target> {
        let targets = self.lock();
        let known = targets
            .known
            .iter()
            .find(|(known, _)| known == path_and_query);
        known.map(|(_, target)| target.clone())
    }

    /// Remembers what a valid path and query mean.
    pub(crate) fn remember(&self, path_and_query: &str, target: &Target) {
        if path_and_query.len() > PATH_BYTES_MAX {
            return;
        }
        let mut targets = self.lock();
        let entry = (path_and_query.to_owned(), target.clone());
        if targets.known.len() < TARGETS_MAX {
            targets.known.push(entry);
        } else {
            let oldest = targets.oldest;
            targets.known[oldest] = entry;
            targets.oldest = (oldest + 1) % TARGETS_MAX;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Targets> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::FunctionName;

    #[test]
    fn the_oldest_target_is_forgotten_first_and_long_paths_never_kept() {
        let memory = Memory::default();
        let target = |n: usize| Target {
            name: FunctionName::new(&format!("f{n}")).unwrap(),
            qualifier: None,
        };
        for n in 0..=TARGETS_MAX {
            memory.remember(&format!("/{n}"), &target(n));
        }
        assert_eq!(memory.target("/0"), None);
        assert_eq!(memory.target("/1"), Some(target(1)));
        assert_eq!(memory.target("/8"), Some(target(8)));
        let long = "x".repeat(PATH_BYTES_MAX + 1);
        memory.remember(&long, &target(1));
        assert_eq!(memory.target(&long), None);
    }
}
