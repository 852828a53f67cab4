//! The end of an invocation: written down, then told. It happens once, and whatever becomes of the task that brings
//! it about.

use super::Environment;
use crate::failure::Failure;
use crate::invocation::Invocation;
use bytes::Bytes;
use std::time::Duration;

/// An invocation that has left its slot. Dropping it ends it.
pub(super) struct Ending<'e> {
    environment: &'e Environment,
    open: Option<(Invocation, Result<Bytes, Failure>)>,
    /// Time that it had: what is done for it from here on is not the function's.
    took: Duration,
    /// Whether the environment serves others afterwards.
    frees: bool,
}

impl<'e> Ending<'e> {
    pub(super) fn new(
        environment: &'e Environment,
        invocation: Invocation,
        result: Result<Bytes, Failure>,
        frees: bool,
    ) -> Self {
        let took = invocation.clock().elapsed();
        Self {
            environment,
            open: Some((invocation, result)),
            took,
            frees,
        }
    }

    /// Ends it when all that it used can be counted: at once, unless it had connections.
    pub(super) async fn complete(self) {
        let uplink = &self.environment.uplink;
        if uplink.is_stirred() {
            uplink.settle(|line| self.environment.note(line)).await;
        }
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let Some((invocation, result)) = self.open.take() else {
            return;
        };
        let environment = self.environment;
        let (answer, computed) = environment.conclude(&invocation, result, self.took);
        // First the environment is free again, then the caller hears: its next invoke is warm.
        let begun = invocation.begun;
        match self.frees {
            true => environment
                .generation
                .release(&environment.slot, begun, computed),
            false => environment.generation.broke(begun),
        }
        invocation.end(Ok(answer));
    }
}
