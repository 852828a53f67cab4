//! Answers on their way to the server: sent at once, or kept while its socket is full.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::protocol::{self, Answer, Outcome};

/// Bounded by the requests that are in work, which the loop bounds.
#[derive(Default)]
pub(super) struct Answers {
    waiting: VecDeque<(Answer, Vec<OwnedFd>)>,
}

impl Answers {
    pub(super) fn push(&mut self, id: u64, outcome: Outcome, descriptors: Vec<OwnedFd>) {
        self.waiting
            .push_back((Answer { id, outcome }, descriptors));
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends what the socket takes.
    pub(super) fn flush(&mut self, socket: &OwnedFd) -> io::Result<()> {
        while let Some((answer, descriptors)) = self.waiting.front() {
            let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
            match protocol::send(socket, answer, &borrowed) {
                Ok(()) => drop(self.waiting.pop_front()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
