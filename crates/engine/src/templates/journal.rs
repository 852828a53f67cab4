//! The log of a program while it is loaded: a stream of its own among those of the version, as on AWS.
//!
//! ```text
//! INIT_START, what the program writes, INIT_REPORT; and if it cannot be cloned, why
//! ```
//! It is bounded as an environment's log is.

use super::loading::NotLoaded;
use super::register::Unfit;
use crate::environment::{Host, Output, Supply, origin, stream_name};
use crate::failure::{Failure, KILLED};
use crate::invocation::now;
use crate::log::{Beginning, Phase, Recorder};
use crate::runtimes::Launch;
use lambkin_model::Function;
use lambkin_sandbox::Exit;
use std::convert::Infallible;
use tokio::time::Instant;

pub(super) struct Journal<'h> {
    host: &'h Host,
    log: Recorder,
    /// While it is loaded: since when, and what it writes.
    loading: Option<(Instant, Output)>,
}

impl<'h> Journal<'h> {
    pub(super) fn open(host: &'h Host, function: &Function, launch: Launch) -> Self {
        let stream = stream_name(function, now()).into();
        let origin = origin(host, function, launch, stream);
        Self {
            host,
            log: Recorder::new(function, origin, Beginning::Load),
            loading: None,
        }
    }

    /// The program is about to be started, and will write there.
    pub(super) fn begin(&mut self, output: Output) {
        self.loading = Some((Instant::now(), output));
        self.log.init_start(now());
        self.flush();
    }

    /// Writes down whatever comes. Cancel safe.
    pub(super) async fn follow(&mut self) -> Infallible {
        while self.is_readable().await {
            let began = Instant::now();
            let supply = self.read();
            self.flush();
            if supply.is_over() {
                break;
            }
            if let Some(rest) = supply.rest(began.elapsed()) {
                tokio::time::sleep(rest).await;
            }
        }
        std::future::pending().await
    }

    /// False when there will never be anything again.
    async fn is_readable(&self) -> bool {
        match &self.loading {
            Some((_, output)) => output.readable().await.is_ok(),
            None => false,
        }
    }

    fn read(&mut self) -> Supply {
        match &self.loading {
            Some((_, output)) => output.read(|bytes| self.log.output(now(), bytes)),
            None => Supply::Ended,
        }
    }

    pub(super) fn close(mut self, why: Option<&NotLoaded>) {
        let failure = why.and_then(NotLoaded::failure);
        self.end(failure.as_ref());
        if let Some(why) = why {
            let again = match why.unfit() {
                Some(Unfit::ForGood) => "",
                Some(Unfit::ForNow) | None => "; it is tried again later",
            };
            let text = format!("lambkin: environments are started one by one: {why}{again}");
            self.log.note(now(), &text);
        }
        self.flush();
    }

    /// Writes down what is left, and how it went.
    fn end(&mut self, failure: Option<&Failure>) {
        if let Some((began, output)) = self.loading.take() {
            output.drain(|bytes| self.log.output(now(), bytes));
            let took = began.elapsed();
            self.log.init_report(now(), Phase::Init, took, failure);
        }
    }

    fn flush(&mut self) {
        let events = self.log.take_events();
        if !events.is_empty() {
            let logs = self.host.store.logs();
            logs.append(self.log.function(), events);
        }
    }
}

impl Drop for Journal<'_> {
    /// One that nobody wants any more is killed while it is loaded.
    fn drop(&mut self) {
        self.end(Some(&Failure::Exited(Some(Exit::Signal(KILLED)))));
        self.flush();
    }
}
