//! The log of a program while it is loaded: a stream of its own among those of the version, as on AWS.
//!
//! ```text
//! INIT_START, what the program writes, INIT_REPORT; and if it cannot be cloned, why
//! ```
//! It is bounded as an environment's log is.

use super::loading::NotLoaded;
use super::register::Unfit;
use crate::environment::{Host, Output, origin, stream_name};
use crate::failure::Failure;
use crate::invocation::now;
use crate::log::{Beginning, Phase, Recorder};
use crate::runtimes::Launch;
use lambkin_model::Function;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::Instant;

pub(super) struct Journal<'h> {
    host: &'h Host,
    log: Recorder,
    began: Option<Instant>,
}

impl<'h> Journal<'h> {
    pub(super) fn open(host: &'h Host, function: &Function, launch: Launch) -> Self {
        let stream = stream_name(function, now()).into();
        let origin = origin(host, function, launch, stream);
        Self {
            host,
            log: Recorder::new(function, origin, Beginning::Load),
            began: None,
        }
    }

    /// The program is about to be started.
    pub(super) fn begin(&mut self) {
        self.began = Some(Instant::now());
        self.log.init_start(now());
        self.flush();
    }

    /// Writes down whatever comes. Cancel safe.
    pub(super) async fn follow(&mut self, output: &Output) -> Infallible {
        // An error is that there will never be anything again.
        while output.readable().await.is_ok() {
            let began = Instant::now();
            let supply = output.read(|bytes| self.log.output(now(), bytes));
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

    /// Writes down what is left.
    pub(super) fn drain(&mut self, output: &Output) {
        output.drain(|bytes| self.log.output(now(), bytes));
    }

    pub(super) fn close(mut self, why: Option<&NotLoaded>) {
        if let Some(began) = self.began {
            let failure = why.and_then(NotLoaded::failure);
            self.end(began.elapsed(), failure.as_ref());
        }
        if let Some(why) = why {
            let again = match why.unfit() {
                Unfit::ForGood => "",
                Unfit::ForNow => "; it is tried again later",
            };
            let text = format!("lambkin: environments are started one by one: {why}{again}");
            self.log.note(now(), &text);
        }
        self.flush();
    }

    fn end(&mut self, took: Duration, failure: Option<&Failure>) {
        self.log.init_report(now(), Phase::Init, took, failure);
    }

    fn flush(&mut self) {
        let events = self.log.take_events();
        if !events.is_empty() {
            let logs = self.host.store.logs();
            logs.append(self.log.function(), events);
        }
    }
}
