//! One execution environment: a sandbox, the program in it, and one invocation at a time.
//!
//! ```text
//!  create ──failed──▶ an invocation that waits gets the error
//!    │
//!    ▼    init/error, exit, 10 s
//!  INIT ─────────────────────────▶ DOWN  (no program; the sandbox and its /tmp live) ◀──┐
//!    │ first next                   │ begin                                             │
//!    ▼                              ▼        init/error, exit, timeout: the invoke fails │
//!  IDLE ◀──────── released ──────  INIT again, inside the invoke ───────────────────────┤
//!    │ begin           ▲            │ first next                                        │
//!    ▼                 │            ▼                                                   │
//!  RUNNING ── response, error ◀─────┘── exit, timeout: the invoke fails ────────────────┘
//!
//!  any ── pid 1 gone, idle too long, retired, shutdown ──▶ destroyed
//!  INIT of a clone ── exit, 10 s ──▶ destroyed, and another one, which is no clone, takes its place
//! ```
//!
//! It counts as IDLE from its answer on, though it may go on working until its `next`: of that moment nothing is lost in
//! steady use. An invocation that it gets and does not ask for within 50 ms goes to another environment, and until it
//! asks it gets none. It has the time of the invocation that it answered, after which its program is killed.
//!
//! An IDLE one is frozen 30 ms after its `next`, and thawed by `begin`. Where memory is short the pages of one that has
//! been frozen for some time are pushed out (`pool::relief`).
//!
//! One task, the `owner`, owns the sandbox's life, accepts its Runtime API connections and keeps its clocks.
//! The tasks of those connections do the warm path alone: what `next` and `response` need is in the `slot`.
//!
//! Refuses: which environment gets an invocation (`pool`), what HTTP looks like (`runtime_api`).

mod books;
mod connections;
mod creation;
mod credentials;
mod ending;
mod network;
mod obtain;
mod output;
mod owner;
mod slot;
mod variables;

pub(crate) use connections::CONNECTIONS_MAX;
pub(crate) use creation::{boot, origin, stream_name};
pub(crate) use obtain::input;
pub(crate) use output::{Output, Supply};
pub(crate) use slot::{Asked, Event, Init, PushedOut, Refusal, Slot};
pub(crate) use variables::{SHARED, of_template};

use crate::code::Trees;
use crate::compiled::Compiler;
use crate::egress::{Gateway, Uplink};
use crate::failure::Failure;
use crate::invocation::{Invocation, now};
use crate::invoke::Answer;
use crate::log::Phase;
use crate::memory::{Memory, Room};
use crate::pool::{Generation, Launches, Turn};
use crate::present_rules::PresentRules;
use crate::reserve::Reserve;
use crate::runtimes::Runtimes;
use crate::start::{RecentStarts, Telling};
use crate::swap::Swap;
use crate::templates::{Lineage, Templates, Unfit};
use books::{Books, Used};
use bytes::Bytes;
use ending::Ending;
use lambkin_model::{Limits, RequestId};
use lambkin_sandbox::{Sandbox, Spawner};
use lambkin_store::Store;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What all environments are made of.
pub(crate) struct Host {
    pub(crate) store: Store,
    pub(crate) spawner: Spawner,
    pub(crate) trees: Arc<Trees>,
    pub(crate) runtimes: Runtimes,
    /// What connections out of environments are decided by.
    pub(crate) rules: Arc<PresentRules>,
    pub(crate) gateway: Arc<Gateway>,
    /// Who may start.
    pub(crate) launches: Launches,
    /// Where the time of starts went.
    pub(crate) starts: RecentStarts,
    pub(crate) memory: Memory,
    /// Where pages of what is idle may go.
    pub(crate) swap: Swap,
    /// Sandboxes that are there already.
    pub(crate) reserve: Reserve,
    /// Initialised programs of versions, to be cloned.
    pub(crate) templates: Templates,
    /// What has been compiled of code.
    pub(crate) compiler: Compiler,
    /// As many as there are descriptors for.
    pub(crate) environments_max: usize,
    pub(crate) idle_timeout: Duration,
    /// Every owner task.
    pub(crate) owners: TaskTracker,
    /// Of the reserve.
    pub(crate) filler: TaskTracker,
    /// Ends them all.
    pub(crate) stop: CancellationToken,
}

impl Host {
    /// Room for one more with that much memory, of which it is expected to use so much.
    pub(crate) fn book(&self, memory_bytes: u64, expected_bytes: u64) -> Room {
        match (
            self.memory.book(memory_bytes, expected_bytes),
            self.is_full(),
        ) {
            (Room::Booked(_) | Room::Soon, true) => Room::After(1),
            (room, _) => room,
        }
    }

    /// Whether the machine can bear one more that no invocation waits for.
    pub(crate) fn has_room_for(&self, memory_bytes: u64) -> bool {
        !self.is_full() && self.memory.has_room_for(memory_bytes)
    }

    /// Whether there are as many as there may be, whatever memory they have.
    pub(crate) fn is_full(&self) -> bool {
        self.owners.len() + self.reserve.len() >= self.environments_max
    }
}

/// One environment, shared by its owner task and its Runtime API connections.
pub(crate) struct Environment {
    pub(crate) slot: Arc<Slot>,
    host: Arc<Host>,
    generation: Arc<Generation>,
    sandbox: Sandbox,
    output: Output,
    uplink: Arc<Uplink>,
    books: Mutex<Books>,
    /// Its turn to start.
    turn: Turn,
    /// Of a clone.
    lineage: Option<Arc<Lineage>>,
}

impl Environment {
    // ---- what a runtime's calls amount to ----

    /// The runtime asked for its first event, and told where the time until then went.
    pub(crate) fn initialised(&self, init: Init, telling: Option<Telling>) {
        let memory_mb = self.generation.function().settings.memory_mb;
        if cpu_millicores(memory_mb) != init_millicores(memory_mb) {
            self.limit_cpu(cpu_millicores(memory_mb));
        }
        let mut books = self.books();
        self.output.drain(|bytes| books.output(now(), bytes));
        books.initialised(init.phase, init.started.elapsed(), telling);
        // Whoever waits for it hands this over with the lines of its invoke, and has the processor until then.
        if !self.slot.is_busy() {
            books.flush(&self.host.store);
        }
        drop(books);
        if init.phase == Phase::Init {
            self.lineage.iter().for_each(|lineage| lineage.succeeded());
            self.generation.booted(&self.slot, self.turn.end());
        }
    }

    /// The runtime has ended what it did after an answer, for which its pool did not wait, or was ended in it.
    pub(crate) fn came_back(&self) {
        self.generation.back(&self.slot);
    }

    /// The runtime gets its event.
    pub(crate) fn handed_over(&self, event: &Event) {
        if event.again {
            return;
        }
        let mut books = self.books();
        // What was written since the last invoke is not this one's.
        self.output.drain(|bytes| books.output(now(), bytes));
        books.started(now(), event.id, event.wants_tail);
    }

    /// The runtime answered, or broke the rules in a way that ends the invocation.
    pub(crate) async fn answered(&self, invocation: Invocation, result: Result<Bytes, Failure>) {
        Ending::new(self, invocation, result, true).complete().await;
    }

    /// What the runtime did after this invocation's answer was ended.
    fn overran(&self, id: RequestId) {
        let limit = self.generation.function().settings.timeout_s;
        let mut books = self.books();
        self.output.drain(|bytes| books.output(now(), bytes));
        books.note(&format!(
            "lambkin: {id} was answered, but its runtime did not ask for the next event within {limit} seconds and was killed"
        ));
        books.flush(&self.host.store);
    }

    /// The answer, and what the invoke computed, if a start was no part of it.
    fn conclude(
        &self,
        invocation: &Invocation,
        result: Result<Bytes, Failure>,
        took: Duration,
    ) -> (Answer, Option<Duration>) {
        let mut books = self.books();
        self.output.drain(|bytes| books.output(now(), bytes));
        let used = Used {
            took,
            usage: self.sandbox.usage().ok(),
            network: self.uplink.take_usage(),
        };
        self.generation.used(used.usage);
        let function = self.generation.function();
        let concluded = books.conclude(function, invocation, result, used, &self.host.store);
        books.flush(&self.host.store);
        concluded
    }

    /// A word of the platform's own in the function's log.
    fn note(&self, text: &str) {
        let mut books = self.books();
        books.note(text);
        books.flush(&self.host.store);
    }

    /// An INIT is over without a `next`.
    fn init_failed(&self, init: Init, failure: &Failure) {
        let mut books = self.books();
        self.output.drain(|bytes| books.output(now(), bytes));
        books.init_failed(init.phase, init.started.elapsed(), failure);
        books.flush(&self.host.store);
    }

    /// A clone has ended before it was ready, and has not said why: as far as anybody knows it is cloning that its program
    /// does not bear, unless it was killed or slow, which others may have made it. False if it is none, or has.
    fn is_stillborn(&self, failure: &Failure) -> bool {
        let Some(lineage) = &self.lineage else {
            return false;
        };
        let unsaid = !matches!(failure, Failure::Reported { .. });
        if unsaid {
            let function = self.generation.function();
            Templates::failed(&self.host, function, lineage, Unfit::of_clone(failure));
        }
        unsaid
    }

    /// Stops its processes until the next invoke, unless one has just come.
    pub(crate) fn freeze(&self) {
        if !self.slot.freeze() {
            return;
        }
        let mut books = self.books();
        self.output.drain(|bytes| books.output(now(), bytes));
        books.flush(&self.host.store);
        let grace = self
            .sandbox
            .usage()
            .ok()
            .and_then(|usage| books.rested(usage));
        self.sandbox.rest();
        tracing::debug!(
            function = %self.generation.function().name,
            cpu_us = grace,
            "froze an environment"
        );
    }

    /// Without the limit a function only has more than it pays for, so its failure stops nothing.
    fn limit_cpu(&self, millicores: u32) {
        if let Err(error) = self.sandbox.set_cpu_limit(Some(millicores)) {
            tracing::warn!(%error, "cannot set an environment's CPU limit");
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// CPU that goes with memory: 1,769 MB have one core.
pub(crate) fn cpu_millicores(memory_mb: u32) -> u32 {
    (memory_mb * 1_000).div_ceil(Limits::MEMORY_MB_PER_CORE)
}

/// INIT has at least one core whatever the memory, as on AWS.
fn init_millicores(memory_mb: u32) -> u32 {
    cpu_millicores(memory_mb).max(1_000)
}
