//! Who follows which function's log live.

use super::LogEvent;
use lambkin_model::FunctionName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast::{self, Receiver, Sender};

/// Events that a follower may be behind before it loses the oldest.
pub(super) const BEHIND_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Followers(Mutex<HashMap<FunctionName, Sender<Arc<LogEvent>>>>);

impl Followers {
    pub(super) fn subscribe(&self, function: &FunctionName) -> Receiver<Arc<LogEvent>> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = senders
            .entry(function.clone())
            .or_insert_with(|| broadcast::channel(BEHIND_MAX).0);
        sender.subscribe()
    }

    /// Where events of a function go, if anybody follows it; forgets those whom all have left.
    pub(super) fn of(&self, function: &FunctionName) -> Option<Sender<Arc<LogEvent>>> {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if senders.get(function)?.receiver_count() == 0 {
            senders.remove(function);
        }
        senders.get(function).cloned()
    }
}
