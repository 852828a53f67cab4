//! An invocation on its way: what was asked, since when, and who waits for the answer.

use crate::admission::Permit;
use crate::invoke::{Answer, Error, Request};
use bytes::Bytes;
use lambkin_model::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Owned by exactly one part at a time: the pool's queue, an environment's slot, or whoever ends it.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) request: Request,
    /// `Root=..;Parent=..;Sampled=..`
    pub(crate) trace: String,
    /// The ARN as the caller qualified it.
    pub(crate) invoked_arn: Bytes,
    /// When it was accepted.
    pub(crate) accepted: Timestamp,
    /// Since when it has wanted an environment.
    pub(crate) queued: Instant,
    /// When an environment got it.
    pub(crate) begun: Instant,
    /// When its clock began: as its event was handed over, or as a program was started for it.
    pub(crate) started: Option<Instant>,
    reply: oneshot::Sender<Reply>,
    heard: Option<oneshot::Sender<()>>,
    permit: Permit,
}

/// How an invocation ended.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Result<Answer, Error>,
    /// Dropped when the caller's task goes on with the answer, or is gone.
    _heard: Option<oneshot::Sender<()>>,
}

impl Invocation {
    /// An accepted invocation, and where its answer will arrive.
    pub(crate) fn new(
        request: Request,
        invoked_arn: Bytes,
        permit: Permit,
    ) -> (Self, oneshot::Receiver<Reply>) {
        let (reply, answer) = oneshot::channel();
        let accepted = now();
        let trace =
            crate::trace::header(request.trace.as_deref(), accepted.0.unsigned_abs() / 1_000);
        let queued = Instant::now();
        let invocation = Self {
            request,
            trace,
            invoked_arn,
            accepted,
            queued,
            begun: queued,
            started: None,
            reply,
            heard: None,
            permit,
        };
        (invocation, answer)
    }

    /// From when its timeout counts.
    pub(crate) fn clock(&self) -> Instant {
        self.started.unwrap_or(self.begun)
    }

    /// Resolves, with an error always, once the caller's task goes on with the answer, or nobody waits for one. Whoever
    /// waits here runs after that task.
    pub(crate) fn heard(&mut self) -> oneshot::Receiver<()> {
        let (sender, heard) = oneshot::channel();
        self.heard = Some(sender);
        heard
    }

    /// Ends it. The answer is lost if the caller went away, which is the caller's choice.
    pub(crate) fn end(self, answer: Result<Answer, Error>) {
        let Self {
            reply,
            heard,
            permit,
            ..
        } = self;
        // The caller's next invoke must find room.
        drop(permit);
        let _ = reply.send(Reply {
            answer,
            _heard: heard,
        });
    }
}

/// The wall clock, to the millisecond.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
