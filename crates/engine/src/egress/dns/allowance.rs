//! How many queries one environment may make. Names can carry data out, so their number is bounded; programs that ask
//! for many at once wait for a moment, and only who goes on is refused.
//!
//! What was asked lately carries next to nothing when it is asked again, and programs do so for every connection: it
//! costs a small part of a new question.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Twenty a second.
const INTERVAL: Duration = Duration::from_millis(50);
/// Five hundred a second.
const INTERVAL_AGAIN: Duration = Duration::from_millis(2);
/// A hundred at once.
const BURST: Duration = INTERVAL.saturating_mul(100);
/// How long a query may wait for its turn: shorter than resolvers of programs do.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Questions that are remembered: more than programs have peers, and so few that their order says little.
const REMEMBERED_MAX: usize = 64;
/// Queries of one environment that are on their way to resolvers; each has a descriptor of the server.
const ON_THEIR_WAY_MAX: usize = 16;

/// One environment's account.
#[derive(Debug)]
pub(crate) struct Allowance {
    account: Mutex<Account>,
    on_their_way: Semaphore,
}

#[derive(Debug)]
struct Account {
    /// Until when all that were made are paid for.
    paid_until: Instant,
    /// What was asked, to the byte: the last is the latest.
    remembered: VecDeque<Vec<u8>>,
}

impl Allowance {
    /// With the whole burst left.
    pub(crate) fn new() -> Self {
        Self {
            account: Mutex::new(Account {
                paid_until: Instant::now(),
                remembered: VecDeque::new(),
            }),
            on_their_way: Semaphore::new(ON_THEIR_WAY_MAX),
        }
    }

    /// When this may be asked, which is all that goes out; `None` if it may not.
    pub(super) fn turn(&self, question: Vec<u8>) -> Option<Instant> {
        let now = Instant::now();
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let before = account.remembered.iter().position(|one| *one == question);
        let cost = before.map_or(INTERVAL, |_| INTERVAL_AGAIN);
        let paid = now.max(account.paid_until) + cost;
        let turn = paid.checked_sub(BURST).map_or(now, |turn| turn.max(now));
        if turn - now > WAIT_MAX {
            return None;
        }
        account.paid_until = paid;
        account.remember(before, question);
        Some(turn)
    }

    /// Places on the way to resolvers.
    pub(super) fn places(&self) -> &Semaphore {
        &self.on_their_way
    }
}

impl Account {
    fn remember(&mut self, before: Option<usize>, question: Vec<u8>) {
        match before {
            Some(at) => drop(self.remembered.remove(at)),
            None if self.remembered.len() == REMEMBERED_MAX => drop(self.remembered.pop_front()),
            None => {}
        }
        self.remembered.push_back(question);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(allowance: &Allowance, questions: impl Iterator<Item = u32>) -> Vec<Option<Instant>> {
        let questions = questions.map(|one| one.to_be_bytes().to_vec());
        questions.map(|one| allowance.turn(one)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_go_at_once_some_wait_and_the_rest_is_refused() {
        let allowance = Allowance::new();
        let start = Instant::now();
        let first = turns(&allowance, 0..500);
        let at_once = first.iter().filter(|turn| **turn == Some(start)).count();
        let granted = first.iter().flatten().count();
        assert_eq!((at_once, granted), (100, 160));
        assert_eq!(first[159], Some(start + WAIT_MAX));
        tokio::time::advance(Duration::from_secs(1)).await;
        let later = turns(&allowance, 500..1_000);
        assert_eq!(later.iter().flatten().count(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_lately_costs_little() {
        let allowance = Allowance::new();
        let start = Instant::now();
        let again = turns(&allowance, (0..2_000).map(|number| number % 10));
        assert!(again.iter().all(|turn| *turn == Some(start)));
        let without_end = turns(&allowance, (0..10_000).map(|number| number % 10));
        assert!(without_end.contains(&None));
        tokio::time::advance(Duration::from_secs(1)).await;
        let later = turns(&allowance, (0..1_000).map(|number| number % 10));
        assert_eq!(later.iter().flatten().count(), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_are_remembered() {
        let allowance = Allowance::new();
        let cost_of = |question| {
            let before = allowance.account.lock().unwrap().paid_until;
            assert!(turns(&allowance, std::iter::once(question))[0].is_some());
            allowance.account.lock().unwrap().paid_until - before
        };
        assert_eq!(cost_of(0), INTERVAL);
        turns(&allowance, 1..64);
        assert_eq!(cost_of(0), INTERVAL_AGAIN);
        assert_eq!(cost_of(64), INTERVAL);
        assert_eq!(cost_of(0), INTERVAL_AGAIN, "the latest but one");
        assert_eq!(cost_of(1), INTERVAL, "the oldest is forgotten");
    }
}
