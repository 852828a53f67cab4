//! The task that owns an environment: starts and stops its program, keeps its clocks, takes it down.

use super::connections::Connections;
use super::ending::Ending;
use super::network;
use super::obtain::Presence;
use super::output::Output;
use super::slot::{Bereft, Duty, LOOK};
use super::{Environment, init_millicores};
use crate::failure::{Failure, KILLED};
use crate::invocation::now;
use crate::log::Phase;
use crate::start::Clock;
use lambkin_model::RequestId;
use lambkin_sandbox::{Event, Exit, Program};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// A timeout is answered within half a second: what is not dead by then is given up with its sandbox.
const KILL_TIMEOUT: Duration = Duration::from_millis(300);
/// How long a program that reported an INIT error may take to end by itself, so that its last lines are kept.
const INIT_ERROR_GRACE: Duration = Duration::from_millis(100);
/// How long an invocation that was just taken may take to arrive.
const HANDOFF_TIMEOUT: Duration = Duration::from_secs(1);

/// Owns one environment.
pub(super) struct Owner {
    environment: Arc<Environment>,
    program: Program,
    /// Whether that is there already.
    presence: Presence,
    connections: Connections,
    /// Serves what programs want of the network.
    network: JoinSet<()>,
    /// The program was started and its end has not been told.
    running: bool,
    /// The log pipe may have more.
    readable: bool,
    /// Until then a flood of log waits in its pipe, and the function with it.
    log_rests_until: Option<Instant>,
    /// When to look again at what runs.
    look: Option<Instant>,
    /// The sandbox is of no use any more.
    lost: bool,
    /// It ended before it was ready, and is to be made again by other means.
    stillborn: bool,
}

/// What wakes the owner.
enum Occurrence {
    Connection(TcpStream),
    Event(Event),
    Output,
    Stop,
    /// Time passed, or the slot changed.
    Look,
}

impl Owner {
    pub(super) fn new(
        environment: Arc<Environment>,
        program: Program,
        presence: Presence,
        listener: TcpListener,
    ) -> Self {
        let mut network = JoinSet::new();
        network.spawn(network::serve(Arc::clone(&environment)));
        Self {
            environment,
            program,
            presence,
            connections: Connections::new(listener),
            network,
            running: false,
            readable: true,
            log_rests_until: None,
            look: None,
            lost: false,
            stillborn: false,
        }
    }

    /// From INIT to the sandbox's end. Gives back the clock of a start that is to be tried again.
    pub(super) async fn run(mut self) -> Option<Clock> {
        self.start(Phase::Init).await;
        while !self.lost {
            match self.environment.slot.duty() {
                Duty::Sleep(until) => {
                    if self.wait(until).await.is_break() {
                        break;
                    }
                }
                Duty::End => break,
                Duty::Freeze => self.environment.freeze(),
                Duty::Reap => {
                    if self.withdraw().await {
                        break;
                    }
                }
                Duty::Restart => self.start(Phase::Invoke).await,
                Duty::InitFailed(failure) => {
                    self.stop(INIT_ERROR_GRACE).await;
                    self.bereave(failure).await;
                }
                Duty::InitTimedOut => {
                    self.stop(Duration::ZERO).await;
                    self.bereave(Failure::TimedOut(super::slot::INIT_LIMIT))
                        .await;
                }
                Duty::TimedOut(invocation) => self.time_out(*invocation).await,
                Duty::GiveAway(invocation) => self.environment.generation.requeue(*invocation),
                Duty::Overrun(id) => self.overrun(id).await,
            }
        }
        let again = match self.stillborn {
            true => self.environment.books().take_clock(),
            false => None,
        };
        self.destroy().await;
        again
    }

    // ---- waiting ----

    async fn wait(&mut self, until: Instant) -> std::ops::ControlFlow<()> {
        let until = match self.environment.slot.is_busy() {
            true => until.min(*self.look.get_or_insert_with(|| Instant::now() + LOOK)),
            false => {
                self.look = None;
                until
            }
        };
        match self.occurrence(until).await {
            Occurrence::Connection(stream) => {
                self.connections.serve(&self.environment, stream).await;
            }
            Occurrence::Event(event) => self.program_event(event).await,
            Occurrence::Output => self.read_output(),
            Occurrence::Stop => {
                self.interrupt().await;
                return std::ops::ControlFlow::Break(());
            }
            Occurrence::Look => self.look_at_invoke().await,
        }
        std::ops::ControlFlow::Continue(())
    }

    async fn occurrence(&mut self, until: Instant) -> Occurrence {
        let environment = &self.environment;
        tokio::select! {
            change = self.connections.change() => {
                change.map_or(Occurrence::Look, Occurrence::Connection)
            }
            event = environment.sandbox.event() => Occurrence::Event(event),
            () = readable(&environment.output, self.log_rests_until), if self.readable => Occurrence::Output,
            () = environment.slot.woken() => Occurrence::Look,
            () = tokio::time::sleep_until(until) => Occurrence::Look,
            () = environment.host.stop.cancelled() => Occurrence::Stop,
        }
    }

    fn read_output(&mut self) {
        let began = Instant::now();
        let mut books = self.environment.books();
        let supply = self
            .environment
            .output
            .read(|bytes| books.output(now(), bytes));
        books.flush(&self.environment.host.store);
        self.readable = !supply.is_over();
        let rest = supply.rest(began.elapsed());
        self.log_rests_until = rest.map(|rest| Instant::now() + rest);
    }

    /// A process that the kernel kills for want of memory takes all others of its program with it. And what has been
    /// written down of an invoke that takes long is there to be read.
    async fn look_at_invoke(&mut self) {
        let now = Instant::now();
        if self.look.is_none_or(|look| now < look) {
            return;
        }
        self.look = Some(now + LOOK);
        let environment = Arc::clone(&self.environment);
        environment.books().flush(&environment.host.store);
        let usage = environment.sandbox.usage().ok();
        let has_lost = usage.is_some_and(|usage| environment.books().has_lost_a_process(usage));
        if self.running && has_lost {
            self.stop(Duration::ZERO).await;
            self.bereave(Failure::Exited(Some(Exit::Signal(KILLED))))
                .await;
        }
    }

    // ---- the program ----

    async fn start(&mut self, phase: Phase) {
        if phase == Phase::Invoke {
            // Processes that outlived their program go first: nothing of theirs may take the event.
            self.stop(Duration::ZERO).await;
            self.connections.close().await;
            if self.lost {
                return self.hand_back().await;
            }
        }
        let environment = Arc::clone(&self.environment);
        self.hurry();
        environment.slot.program_starts(phase);
        (self.running, self.readable) = (true, true);
        let started = match self.presence {
            Presence::None => environment.sandbox.start(&self.program).await,
            Presence::Runs | Presence::Clone => Ok(()),
        };
        if self.presence == Presence::Runs {
            self.presence = Presence::None;
        }
        if let Err(error) = started {
            tracing::error!(%error, "cannot start a program in its sandbox");
            self.lose().await;
        }
    }

    /// As much CPU as INIT has.
    fn hurry(&self) {
        let memory_mb = self.environment.generation.function().settings.memory_mb;
        self.environment.limit_cpu(init_millicores(memory_mb));
    }

    async fn program_event(&mut self, event: Event) {
        let failure = match event {
            Event::StartFailed { errno } => {
                let program = self.program.argv.first().cloned().unwrap_or_default();
                Failure::InvalidEntrypoint { program, errno }
            }
            Event::Exited(exit) => Failure::Exited(Some(exit)),
            // Said of templates alone.
            Event::Settled | Event::Unfit(_) | Event::Hindered(_) => return,
            Event::Gone => return self.lose().await,
        };
        self.running = false;
        self.bereave(failure).await;
    }

    /// Kills every process of the program; its end is told when this returns, or the sandbox is lost.
    async fn stop(&mut self, grace: Duration) {
        let environment = Arc::clone(&self.environment);
        environment.slot.thaw();
        if self.running
            && !grace.is_zero()
            && let Ok(event) = timeout(grace, environment.sandbox.event()).await
        {
            self.running = false;
            self.lost |= event == Event::Gone;
        }
        // To die takes CPU time too: a thousand processes would need seconds of a small share.
        self.hurry();
        let killed = timeout(KILL_TIMEOUT, async {
            environment.sandbox.kill_programs().await?;
            if self.running {
                self.lost |= environment.sandbox.event().await == Event::Gone;
            }
            Ok::<_, lambkin_sandbox::Error>(())
        });
        self.lost |= !matches!(killed.await, Ok(Ok(())));
        self.running = false;
    }

    /// Pid 1 is gone.
    async fn lose(&mut self) {
        self.lost = true;
        self.running = false;
        self.bereave(Failure::Exited(None)).await;
    }

    /// The program is gone: whoever depended on it hears of it, and the environment is free again.
    async fn bereave(&mut self, failure: Failure) {
        self.outlive_no_clone();
        self.connections.settle(&self.environment).await;
        let environment = Arc::clone(&self.environment);
        let failure = environment.slot.take_init_error().unwrap_or(failure);
        let failure = environment
            .books()
            .classify(failure, environment.sandbox.usage().ok());
        match environment.slot.program_ended() {
            Bereft::Init(init) => {
                environment.init_failed(init, &failure);
                self.stillborn = environment.is_stillborn(&failure);
                if !self.stillborn {
                    self.after_first_init(failure).await;
                }
            }
            Bereft::Restart(init, invocation) => {
                environment.init_failed(init, &failure);
                self.fail(invocation, failure).await;
            }
            Bereft::Invocation(invocation) => self.fail(invocation, failure).await,
            Bereft::Away => self.come_back(),
            Bereft::Nothing if self.lost => self.hand_back().await,
            Bereft::Nothing => {}
        }
    }

    /// Where a clone was, no other program may be.
    fn outlive_no_clone(&mut self) {
        self.lost |= self.presence == Presence::Clone;
    }

    /// INIT failed outside an invoke: it will be run again inside one, if the sandbox still is.
    async fn after_first_init(&self, failure: Failure) {
        let environment = &self.environment;
        if !self.lost {
            let took = environment.turn.end();
            return environment.generation.booted(&environment.slot, took);
        }
        if let Some(invocation) = environment.generation.boot_failed() {
            self.fail(invocation, failure).await;
        }
    }

    async fn fail(&self, invocation: crate::invocation::Invocation, failure: Failure) {
        let ending = Ending::new(&self.environment, invocation, Err(failure), !self.lost);
        ending.complete().await;
    }

    async fn time_out(&mut self, invocation: crate::invocation::Invocation) {
        let environment = Arc::clone(&self.environment);
        let limit = u64::from(environment.generation.function().settings.timeout_s);
        let failure = Failure::TimedOut(Duration::from_secs(limit));
        self.stop(Duration::ZERO).await;
        self.outlive_no_clone();
        self.connections.close().await;
        if let Bereft::Init(init) = environment.slot.program_ended() {
            environment.init_failed(init, &failure);
        }
        self.fail(invocation, failure).await;
    }

    /// What a runtime does after its answer has taken all the time of that invocation. Nobody waits for it.
    async fn overrun(&mut self, id: RequestId) {
        let environment = Arc::clone(&self.environment);
        self.stop(Duration::ZERO).await;
        self.outlive_no_clone();
        self.connections.close().await;
        environment.overran(id);
        match environment.slot.program_ended() {
            Bereft::Away => self.come_back(),
            _ if self.lost => self.hand_back().await,
            _ => {}
        }
    }

    /// Its pool had given up on it; what is lost comes back to nobody.
    fn come_back(&self) {
        if !self.lost {
            self.environment.came_back();
        }
    }

    // ---- the end ----

    /// The server ends: an invocation that still runs is killed, and metered and answered like any other.
    async fn interrupt(&mut self) {
        self.stop(Duration::ZERO).await;
        self.lost = true;
        self.connections.settle(&self.environment).await;
        let environment = Arc::clone(&self.environment);
        if let Bereft::Invocation(invocation) | Bereft::Restart(_, invocation) =
            environment.slot.program_ended()
        {
            let failure = Failure::Exited(Some(Exit::Signal(KILLED)));
            self.fail(invocation, failure).await;
        }
    }

    /// Takes the environment out of its pool; if somebody took it just now, it stays.
    async fn withdraw(&self) -> bool {
        let gone = self.environment.generation.withdraw(&self.environment.slot);
        if !gone {
            tokio::task::yield_now().await;
        }
        gone
    }

    /// The sandbox is lost while no invocation depended on it: one that is just arriving goes elsewhere.
    async fn hand_back(&self) {
        let environment = &self.environment;
        if environment.generation.withdraw(&environment.slot) {
            return;
        }
        let arriving = async {
            loop {
                if let Some(invocation) = environment.slot.take_unseen() {
                    return invocation;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if let Ok(invocation) = timeout(HANDOFF_TIMEOUT, arriving).await {
            environment.generation.requeue(invocation);
        }
    }

    async fn destroy(mut self) {
        // Pages that still leave would hold up the removal of its groups.
        self.environment.slot.close();
        self.connections.close().await;
        self.network.shutdown().await;
        let environment = self.environment;
        {
            let mut books = environment.books();
            environment.output.drain(|bytes| books.output(now(), bytes));
            books.flush(&environment.host.store);
        }
        // Its connections and its way out are gone, so nobody else holds it.
        if let Some(environment) = Arc::into_inner(environment) {
            environment.sandbox.destroy().await;
        }
    }
}

/// Resolves when the log is to be read. Cancel safe.
async fn readable(output: &Output, rests_until: Option<Instant>) {
    if let Some(until) = rests_until {
        tokio::time::sleep_until(until).await;
    }
    // An error is told by the next read.
    let _ = output.readable().await;
}
