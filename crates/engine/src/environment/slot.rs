//! Where an invocation and a runtime meet: at most one of each.
//!
//! Owns: who holds the environment's one invocation, the Runtime API's state, every clock of both, and whether the
//! processes stand still meanwhile. Refuses: HTTP, logs, the rest of the sandbox. Its lock is the environment's own
//! and is held for a few instructions, or for one freeze or thaw.
//!
//! The owner task (`environment`) sleeps until `watch`. Deadlines only move later once an invocation is
//! here, so `begin` wakes the owner only when it would sleep past the deadline: in steady work once per
//! timeout, not once per invoke.

mod pages;

pub(crate) use pages::PushedOut;

use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::log::Phase;
use crate::runtime_api::{InvalidTransition, State as Runtime};
use bytes::Bytes;
use lambkin_model::{Limits, RequestId};
use lambkin_sandbox::Freezer;
use pages::Pages;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Longest INIT outside an invoke.
pub(crate) const INIT_LIMIT: Duration = Duration::from_secs(Limits::INIT_S);

/// How long a runtime that waits for an event still runs, so that what it does after an answer gets done and an
/// environment in steady use is never frozen. With the delays of a busy machine at most 50 ms.
const FREEZE_GRACE: Duration = Duration::from_millis(30);
/// While something runs, how often the owner looks whether the kernel has killed for want of memory. What is left of a
/// program then works on without a part of itself, or fights for memory until its time is up.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// How long an invocation waits for a runtime that goes on working after its last answer. Then another environment gets
/// it. What comes right after an answer, as the question for the next event does, takes a millisecond on a busy machine.
const PATIENCE: Duration = Duration::from_millis(50);
/// What a runtime has at least between an answer at the last moment and its next question.
const AFTERMATH_MIN: Duration = Duration::from_millis(300);

/// One environment's meeting point.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The function's timeout.
    timeout: Duration,
    idle_timeout: Duration,
    /// None where the machine cannot freeze.
    freezer: Option<Freezer>,
    /// Whether the processes stand still, for whoever would wake for them.
    stillness: watch::Sender<bool>,
    state: Mutex<State>,
    /// Wakes a runtime that waits in `next`.
    event: Notify,
    /// Wakes the owner task.
    owner: Notify,
}

#[derive(Debug)]
struct State {
    runtime: Runtime,
    /// There is a program; without one, an invocation makes the owner start it.
    program: bool,
    /// The INIT that runs.
    init: Option<Init>,
    init_error: Option<Failure>,
    invocation: Option<Invocation>,
    /// Of the invocation that the runtime has, or had last.
    id: Option<RequestId>,
    /// The runtime has answered and not asked for the next event yet.
    aftermath: Option<Aftermath>,
    /// Its pool has given up on it until the runtime asks.
    away: bool,
    idle_since: Instant,
    /// When the runtime asked for its next event.
    asked: Instant,
    /// It waits, and stands still.
    frozen: Option<Frozen>,
    /// When the owner wakes by itself.
    watch: Option<Instant>,
    closed: bool,
}

/// It stands still.
#[derive(Clone, Copy, Debug)]
struct Frozen {
    since: Instant,
    pages: Pages,
}

/// Work after an answer. It is part of no invocation, but has that one's time.
#[derive(Clone, Copy, Debug)]
struct Aftermath {
    since: Instant,
    end: Instant,
}

/// An INIT on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) phase: Phase,
    pub(crate) started: Instant,
}

/// What the owner has to do.
#[derive(Debug)]
pub(crate) enum Duty {
    /// Nothing before this moment.
    Sleep(Instant),
    /// Start the program again, inside the invocation that waits.
    Restart,
    /// INIT's time is up.
    InitTimedOut,
    /// The runtime said that it cannot start.
    InitFailed(Failure),
    /// The invocation's time is up.
    TimedOut(Box<Invocation>),
    /// The runtime goes on working after its last answer: another environment is to have this one.
    GiveAway(Box<Invocation>),
    /// It has done so for longer than it may.
    Overrun(RequestId),
    /// Idle for long enough to stand still.
    Freeze,
    /// Idle for too long.
    Reap,
    /// Nobody will use this environment again.
    End,
}

/// What the end of a program left behind.
#[derive(Debug)]
pub(crate) enum Bereft {
    /// It was in INIT, before any invoke.
    Init(Init),
    /// It was in INIT, inside this invocation.
    Restart(Init, Invocation),
    /// It had this invocation's event.
    Invocation(Invocation),
    /// It worked after an answer, and its pool had given up on it.
    Away,
    /// It had nothing to do; an invocation may wait that it never saw.
    Nothing,
}

/// What a question for an event is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The first one of a program: the end of this INIT.
    First(Init),
    /// By a runtime on which its pool had given up.
    Back,
    /// One like others.
    Again,
}

/// What `next` hands to the runtime.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: RequestId,
    pub(crate) payload: Bytes,
    pub(crate) trace: String,
    pub(crate) client_context: Option<String>,
    pub(crate) invoked_arn: Bytes,
    /// Time that is left.
    pub(crate) left: Duration,
    pub(crate) wants_tail: bool,
    /// It had been handed over before.
    pub(crate) again: bool,
}

/// The id in a call is not that of the current invocation, or the call comes at the wrong time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Unknown, or over.
    InvalidRequestId,
    /// See [`InvalidTransition`].
    Transition(InvalidTransition),
}

impl From<InvalidTransition> for Refusal {
    fn from(refused: InvalidTransition) -> Self {
        Self::Transition(refused)
    }
}

impl State {
    /// Until when the owner sleeps. It looks at what runs, the less often the longer that has taken: so it sleeps past no
    /// invocation of a steady stream, and seldom wakes for a long one.
    fn sleep(&mut self, now: Instant, due: Instant) -> Instant {
        if self.init.is_some() {
            // The owner has a look of its own.
            self.watch = Some(due.min(now + LOOK));
            return due;
        }
        let begun = self.invocation.as_ref().map(|invocation| invocation.begun);
        let since = begun.or(self.aftermath.map(|aftermath| aftermath.since));
        let until = since.map_or(due, |since| {
            due.min(now + (now - since).clamp(PATIENCE, LOOK))
        });
        self.watch = Some(until);
        until
    }

    /// What is to be done where the time of something is up.
    fn overdue(&mut self) -> Duty {
        let Some(invocation) = self.invocation.take().map(Box::new) else {
            if self.init.is_none() && self.aftermath.is_none() {
                return Duty::Reap;
            }
            // Where it leads nowhere: a question that comes before the program is killed has come too late.
            self.runtime = Runtime::InitError;
            return match self.init {
                Some(_) => Duty::InitTimedOut,
                None => self.id.map_or(Duty::Reap, Duty::Overrun),
            };
        };
        if self.aftermath.is_some() && self.init.is_none() {
            self.away = true;
            return Duty::GiveAway(invocation);
        }
        self.runtime = Runtime::Started;
        self.id = None;
        Duty::TimedOut(invocation)
    }
}

impl Slot {
    /// Without a program.
    pub(crate) fn new(timeout: Duration, idle_timeout: Duration, freezer: Option<Freezer>) -> Self {
        let now = Instant::now();
        let state = State {
            runtime: Runtime::Started,
            program: false,
            init: None,
            init_error: None,
            invocation: None,
            id: None,
            aftermath: None,
            away: false,
            idle_since: now,
            asked: now,
            frozen: None,
            watch: None,
            closed: false,
        };
        let state = Mutex::new(state);
        Self {
            timeout,
            idle_timeout,
            freezer,
            stillness: watch::Sender::new(false),
            state,
            event: Notify::new(),
            owner: Notify::new(),
        }
    }

    // ---- the pool's side ----

    /// Gives the environment an invocation. The caller took it from the idle ones: nobody else does.
    pub(crate) fn begin(&self, mut invocation: Invocation) {
        let now = Instant::now();
        let mut state = self.lock();
        invocation.begun = now;
        self.thaw_locked(&mut state);
        let look = match state.aftermath {
            Some(_) => PATIENCE,
            None => self.timeout.min(LOOK),
        };
        let overslept = state.watch.is_none_or(|watch| watch > now + look);
        let wake_owner = overslept || !state.program || state.closed;
        let wake_runtime = state.runtime == Runtime::Ready;
        state.invocation = Some(invocation);
        drop(state);
        if wake_runtime {
            self.event.notify_one();
        }
        if wake_owner {
            self.owner.notify_one();
        }
    }

    /// The environment begins to be idle.
    pub(crate) fn rest(&self) {
        let now = Instant::now();
        let mut state = self.lock();
        state.idle_since = now;
        let overslept = state
            .watch
            .is_none_or(|watch| watch > now + self.idle_timeout);
        drop(state);
        if overslept {
            self.owner.notify_one();
        }
    }

    /// Whether the processes stand still, now and later.
    pub(crate) fn stillness(&self) -> watch::Receiver<bool> {
        self.stillness.subscribe()
    }

    /// When it began to be idle.
    pub(crate) fn idle_since(&self) -> Instant {
        self.lock().idle_since
    }

    /// The environment will not be used again.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.stay(&mut state);
        drop(state);
        self.owner.notify_one();
    }

    // ---- the owner's side ----

    /// Stops a runtime that waits and has nothing to wait for. Done under the lock, so that an invocation comes
    /// before it or after it.
    pub(crate) fn freeze(&self) -> bool {
        let mut state = self.lock();
        let (None, Some(freezer), Runtime::Ready) =
            (&state.invocation, &self.freezer, state.runtime)
        else {
            return false;
        };
        let now = Instant::now();
        if let Err(error) = freezer.freeze() {
            tracing::warn!(%error, "cannot freeze an environment");
            let _ = freezer.thaw();
            // Not again at once.
            state.asked = now;
            return false;
        }
        state.frozen = Some(Frozen {
            since: now,
            pages: Pages::InMemory,
        });
        self.stillness.send_replace(true);
        true
    }

    /// Before anything is asked of the processes inside.
    pub(crate) fn thaw(&self) {
        self.thaw_locked(&mut self.lock());
    }

    fn thaw_locked(&self, state: &mut State) {
        self.stay(state);
        let (Some(_), Some(freezer)) = (state.frozen.take(), &self.freezer) else {
            return;
        };
        if let Err(error) = freezer.thaw() {
            tracing::error!(%error, "cannot thaw an environment");
        }
        self.stillness.send_replace(false);
    }

    /// Whether an invocation or an INIT is under way.
    pub(crate) fn is_busy(&self) -> bool {
        let state = self.lock();
        state.invocation.is_some() || state.init.is_some()
    }

    /// Resolves when there may be something to do.
    pub(crate) async fn woken(&self) {
        self.owner.notified().await;
    }

    /// A program is about to be started.
    pub(crate) fn program_starts(&self, phase: Phase) {
        let now = Instant::now();
        let mut state = self.lock();
        state.runtime = Runtime::Started;
        state.program = true;
        state.init = Some(Init {
            phase,
            started: now,
        });
        state.init_error = None;
        state.id = None;
        state.aftermath = None;
        if let Some(invocation) = &mut state.invocation {
            invocation.started = Some(now);
        }
    }

    /// The program is gone: later calls in its name are refused.
    pub(crate) fn program_ended(&self) -> Bereft {
        let mut state = self.lock();
        let had_event = state.runtime.has_event();
        state.program = false;
        state.runtime = Runtime::Started;
        state.id = None;
        state.aftermath = None;
        if std::mem::take(&mut state.away) {
            return Bereft::Away;
        }
        match state.init.take() {
            Some(init) => match state.invocation.take() {
                Some(invocation) => Bereft::Restart(init, invocation),
                None => Bereft::Init(init),
            },
            None if had_event => state
                .invocation
                .take()
                .map_or(Bereft::Nothing, Bereft::Invocation),
            None => Bereft::Nothing,
        }
    }

    /// What the runtime reported before its program ended.
    pub(crate) fn take_init_error(&self) -> Option<Failure> {
        self.lock().init_error.take()
    }

    /// An invocation that no program has seen.
    pub(crate) fn take_unseen(&self) -> Option<Invocation> {
        self.lock().invocation.take()
    }

    /// What is due now; notes when the owner will look again.
    pub(crate) fn duty(&self) -> Duty {
        let now = Instant::now();
        let mut state = self.lock();
        let due = match (&state.invocation, state.init, state.aftermath) {
            _ if state.init_error.is_some() => {
                return state.init_error.take().map_or(Duty::Reap, Duty::InitFailed);
            }
            (Some(_), ..) if !state.program => return Duty::Restart,
            (Some(invocation), None, Some(_)) => invocation.begun + PATIENCE,
            (Some(invocation), ..) => invocation.clock() + self.timeout,
            (None, Some(init), _) => init.started + INIT_LIMIT,
            (None, None, _) if state.closed => return Duty::End,
            (None, None, Some(aftermath)) => aftermath.end,
            (None, None, None) => {
                let end = state.idle_since + self.idle_timeout;
                match self.freeze_due(&state) {
                    Some(due) if due <= now && now < end => return Duty::Freeze,
                    Some(due) => due.min(end),
                    None => end,
                }
            }
        };
        if due > now {
            return Duty::Sleep(state.sleep(now, due));
        }
        state.overdue()
    }

    fn freeze_due(&self, state: &State) -> Option<Instant> {
        let may =
            self.freezer.is_some() && state.runtime == Runtime::Ready && state.frozen.is_none();
        may.then(|| state.asked + FREEZE_GRACE)
    }

    // ---- the Runtime API's side ----

    /// `next`: the first one of a program ends its INIT.
    pub(crate) fn ask(&self) -> Result<Asked, Refusal> {
        let now = Instant::now();
        let mut state = self.lock();
        state.runtime = state.runtime.step(Runtime::Ready)?;
        state.asked = now;
        state.aftermath = None;
        if std::mem::take(&mut state.away) {
            return Ok(Asked::Back);
        }
        let init = state.init.take();
        // In steady use once per grace: the owner finds a later question and sleeps on.
        let due = self
            .freeze_due(&state)
            .filter(|_| state.invocation.is_none());
        let overslept = due.is_some_and(|due| state.watch.is_none_or(|watch| watch > due));
        drop(state);
        if overslept {
            self.owner.notify_one();
        }
        Ok(init.map_or(Asked::Again, Asked::First))
    }

    /// Resolves with the event, once there is one.
    pub(crate) async fn event(&self) -> Event {
        loop {
            if let Some(event) = self.hand_over() {
                return event;
            }
            self.event.notified().await;
        }
    }

    fn hand_over(&self) -> Option<Event> {
        let now = Instant::now();
        let mut state = self.lock();
        let again = state.runtime == Runtime::Running;
        if !state.program || !(again || state.runtime == Runtime::Ready) {
            return None;
        }
        let invocation = state.invocation.as_mut()?;
        let started = *invocation.started.get_or_insert(now);
        let event = Event {
            id: invocation.request.request_id,
            payload: invocation.request.payload.clone(),
            trace: invocation.trace.clone(),
            client_context: invocation.request.client_context.clone(),
            invoked_arn: invocation.invoked_arn.clone(),
            left: (started + self.timeout).saturating_duration_since(now),
            wants_tail: invocation.request.tail,
            again,
        };
        state.runtime = Runtime::Running;
        state.id = Some(event.id);
        Some(event)
    }

    /// The runtime begins to send a response or an error for `id`.
    pub(crate) fn respond(&self, id: &str, kind: Runtime) -> Result<RequestId, Refusal> {
        let mut state = self.lock();
        let id = RequestId::parse(id).filter(|id| state.id == Some(*id));
        let id = id.ok_or(Refusal::InvalidRequestId)?;
        state.runtime = state.runtime.step(kind)?;
        Ok(id)
    }

    /// All of it is here: the invocation leaves, unless its time was up meanwhile.
    pub(crate) fn responded(&self, id: RequestId) -> Result<Invocation, Refusal> {
        let mut state = self.lock();
        if state.id != Some(id) || !state.runtime.has_event() {
            return Err(Refusal::InvalidRequestId);
        }
        state.runtime = Runtime::ResponseSent;
        let invocation = state.invocation.take();
        let invocation = invocation.ok_or(Refusal::InvalidRequestId)?;
        let since = Instant::now();
        let end = (invocation.clock() + self.timeout).max(since + AFTERMATH_MIN);
        state.aftermath = Some(Aftermath { since, end });
        Ok(invocation)
    }

    /// The runtime begins to send `init/error`.
    pub(crate) fn begin_init_error(&self) -> Result<(), Refusal> {
        let mut state = self.lock();
        state.runtime = state.runtime.step(Runtime::InitError)?;
        Ok(())
    }

    /// All of it is here.
    pub(crate) fn fail_init(&self, failure: Failure) {
        self.lock().init_error = Some(failure);
        self.owner.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
