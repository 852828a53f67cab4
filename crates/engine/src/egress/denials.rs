//! What a function is told of connections that were denied to it: a line of its log for each destination, and not a
//! flood of them.

use lambkin_model::egress::Denial;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

/// Destinations that an environment tells of: whoever tries more is looking for a hole, and the log is bounded.
const DESTINATIONS_MAX: usize = 32;

/// What one environment has told.
#[derive(Debug, Default)]
pub(super) struct Denials(Mutex<HashSet<SocketAddr>>);

impl Denials {
    /// The line to log, if this is to be told.
    pub(super) fn tell(&self, destination: SocketAddr, denial: &Denial) -> Option<String> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() > DESTINATIONS_MAX || !told.insert(destination) {
            return None;
        }
        Some(match told.len() {
            ..=DESTINATIONS_MAX => {
                format!("lambkin: a connection to {destination} is denied: {denial}")
            }
            _ => format!(
                "lambkin: connections to more than {DESTINATIONS_MAX} destinations were denied; no more are named"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_is_told_once_and_their_number_is_bounded() {
        let denials = Denials::default();
        let to = |port| SocketAddr::from(([203, 0, 113, 1], port));
        let line = denials.tell(to(25), &Denial::Mail).unwrap();
        assert_eq!(
            line,
            "lambkin: a connection to 203.0.113.1:25 is denied: port 25 is closed to every function"
        );
        assert_eq!(denials.tell(to(25), &Denial::Mail), None);
        let told = (1_000..2_000).filter_map(|port| denials.tell(to(port), &Denial::Machine));
        let told: Vec<String> = told.collect();
        assert_eq!(told.len(), DESTINATIONS_MAX);
        assert!(told[DESTINATIONS_MAX - 1].ends_with("no more are named"));
    }
}
