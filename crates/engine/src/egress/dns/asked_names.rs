//! Which names functions asked for: each is told once for each function, in the server's log.

use lambkin_model::FunctionName;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Names of one function that are told: whoever asks for more makes them up.
const NAMES_MAX: usize = 256;
/// Functions whose names are remembered; when there are more, all are forgotten, and told again.
const FUNCTIONS_MAX: usize = 1_000;

/// What has been told.
#[derive(Debug, Default)]
pub(super) struct AskedNames(Mutex<HashMap<FunctionName, HashSet<String>>>);

impl AskedNames {
    /// Tells it if it is new.
    pub(super) fn tell(&self, function: &FunctionName, name: &str) {
        match self.note(function, name) {
            Some(..=NAMES_MAX) => tracing::info!(%function, name, "asked for a name"),
            Some(_) => tracing::info!(
                %function,
                "asked for more than {NAMES_MAX} names: no more of them are told"
            ),
            None => {}
        }
    }

    /// How many names of the function are known, if this one was not.
    fn note(&self, function: &FunctionName, name: &str) -> Option<usize> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains_key(function) {
            if told.len() >= FUNCTIONS_MAX {
                told.clear();
            }
            told.insert(function.clone(), HashSet::new());
        }
        let names = told.get_mut(function)?;
        let is_new = names.len() <= NAMES_MAX && names.insert(name.to_ascii_lowercase());
        is_new.then_some(names.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_told_once_for_each_function_and_their_number_is_bounded() {
        let told = AskedNames::default();
        let [one, other] = ["f", "g"].map(|name| FunctionName::new(name).unwrap());
        assert_eq!(told.note(&one, "Example.com"), Some(1));
        assert_eq!(told.note(&one, "example.com"), None);
        assert_eq!(told.note(&other, "example.com"), Some(1));
        let noted = (0..1_000).filter_map(|n| told.note(&one, &format!("{n}.example.com")));
        assert_eq!(noted.last(), Some(NAMES_MAX + 1));
        for n in 0..FUNCTIONS_MAX {
            told.note(&FunctionName::new(&format!("f{n}")).unwrap(), "a");
        }
        assert!(told.0.lock().unwrap().len() <= FUNCTIONS_MAX);
    }
}
