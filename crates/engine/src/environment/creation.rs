//! Makes an environment: code tree, launch, sandbox; then hands it to its owner.

use super::books::Books;
use super::credentials::Credentials;
use super::obtain::{Means, Obtained, obtain};
use super::output::Output;
use super::owner::Owner;
use super::variables::variables;
use super::{Environment, Host, Slot};
use crate::compiled;
use crate::egress::Uplink;
use crate::invocation::now;
use crate::invoke::Error;
use crate::log::{Beginning, Origin, Recorder};
use crate::memory::Booking;
use crate::pool::{Generation, Turn};
use crate::reserve::Recipe;
use crate::runtimes::Launch;
use crate::start::{Clock, Stage};
use lambkin_model::{Function, Start, Timestamp};
use lambkin_sandbox::Program;
use rand::Rng;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longest the making may take; it is milliseconds unless the machine is in trouble.
const CREATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The whole life of one environment, from nothing to nothing.
pub(crate) async fn boot(
    host: Arc<Host>,
    generation: Arc<Generation>,
    clock: Clock,
    booking: Booking,
) {
    if let Some(turn) = host.launches.turn(&generation, booking).await {
        let stillborn = live(&host, &generation, clock, turn.clone(), Means::Any).await;
        if let Some(clock) = stillborn {
            live(&host, &generation, clock, turn, Means::Plain).await;
        }
    }
    generation.ended();
}

/// Gives back the clock of a start that is to be tried again.
async fn live(
    host: &Arc<Host>,
    generation: &Arc<Generation>,
    clock: Clock,
    turn: Turn,
    means: Means,
) -> Option<Clock> {
    let creation = create(host, generation, clock, turn, means);
    let creation = tokio::time::timeout(CREATION_TIMEOUT, creation);
    let created = tokio::select! {
        created = creation => created.unwrap_or_else(|_| Err(Unavailable::TooSlow)),
        () = host.stop.cancelled() => Err(Unavailable::Stopping),
    };
    match created {
        Ok(owner) => owner.run().await,
        Err(error) => {
            tracing::error!(%error, function = %generation.function().name, "no environment");
            if let Some(invocation) = generation.boot_failed() {
                generation.broke(invocation.begun);
                invocation.end(Err(Error::Internal(error.to_string())));
            }
            None
        }
    }
}

/// Why there is no environment.
#[derive(Debug, thiserror::Error)]
enum Unavailable {
    #[error(transparent)]
    Runtime(#[from] crate::runtimes::Unavailable),
    #[error(transparent)]
    Code(#[from] crate::code::Error),
    #[error(transparent)]
    Sandbox(#[from] lambkin_sandbox::Error),
    #[error("the sandbox came without its Runtime API socket or its log pipe")]
    Incomplete,
    #[error("making an environment took more than {} seconds", CREATION_TIMEOUT.as_secs())]
    TooSlow,
    #[error("the server is stopping")]
    Stopping,
}

async fn create(
    host: &Arc<Host>,
    generation: &Arc<Generation>,
    mut clock: Clock,
    turn: Turn,
    means: Means,
) -> Result<Owner, Unavailable> {
    let _urgent = host.reserve.hold_off();
    clock.done(Stage::Queue);
    let function = generation.function();
    let settings = &function.settings;
    let launch = host.runtimes.launch(settings.runtime, settings.memory_mb)?;
    let recipe = Arc::new(Recipe::new(&launch, settings));
    let code = host.trees.get(function).await?;
    let code = compiled::beside(host, function, &launch, code);
    clock.done(Stage::Code);
    let stream: Arc<str> = stream_name(function, now()).into();
    let program = Program {
        argv: launch.command(settings),
        env: variables(function, &stream, &launch.env, &Credentials::random()),
        cwd: "/var/task".to_owned(),
    };
    let Obtained {
        mut sandbox,
        start,
        mounts,
        program: presence,
        before,
        lineage,
    } = obtain(host, generation, &recipe, code, &program, means).await?;
    clock.done(Stage::Sandbox);
    clock.made(start, mounts);
    let listener = sandbox.take_listener().ok_or(Unavailable::Incomplete)?;
    let output = sandbox.take_output().ok_or(Unavailable::Incomplete)?;
    let note = launch.nearest_note.clone();
    let beginning = match start {
        Start::Cloned => Beginning::Clone,
        Start::Cold | Start::Warm | Start::Pooled => Beginning::Start,
    };
    let log = Recorder::new(function, origin(host, function, launch, stream), beginning);
    let timeout = Duration::from_secs(u64::from(settings.timeout_s));
    let rules = host.rules.of(&function.name);
    let tunnel = sandbox.take_tunnel();
    let slot = Slot::new(timeout, host.idle_timeout, sandbox.freezer());
    let way_out = tunnel.map(|tunnel| (tunnel, slot.stillness()));
    let uplink = Uplink::new(Arc::clone(&host.gateway), &function.name, rules, way_out);
    let environment = Environment {
        slot: Arc::new(slot),
        host: Arc::clone(host),
        generation: Arc::clone(generation),
        sandbox,
        output: Output::new(output),
        uplink: Arc::new(uplink),
        books: Mutex::new(Books::new(
            log,
            before,
            clock,
            Arc::clone(generation.starts()),
        )),
        turn,
        lineage,
    };
    environment.books().initialising(note.as_deref());
    Ok(Owner::new(
        Arc::new(environment),
        program,
        presence,
        listener,
    ))
}

/// Who writes to a log, by the program that is started.
pub(crate) fn origin(host: &Host, function: &Function, launch: Launch, stream: Arc<str>) -> Origin {
    let settings = &function.settings;
    Origin {
        function: function.name.clone(),
        arn: function.arn(),
        version: function.version.to_string(),
        memory_bytes: u64::from(settings.memory_mb) << 20,
        runtime_version: launch.version,
        runtime_version_arn: format!(
            "arn:aws:lambda:{}::runtime:{}",
            function.scope.region,
            host.runtimes.version_hex(settings.runtime)
        ),
        stream,
    }
}

/// `2026/10/08/[<version>]<32hex>`; a log group of the customer's own may be shared by functions, so there the
/// function's name is part of it.
pub(crate) fn stream_name(function: &Function, now: Timestamp) -> String {
    let unique: u128 = rand::rng().random();
    let own = function.settings.logging.group == format!("/aws/lambda/{}", function.name);
    let name = if own { "" } else { function.name.as_str() };
    format!("{}/{name}[{}]{unique:032x}", now.day(), function.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::Version;
    use std::collections::BTreeMap;

    #[test]
    fn streams_are_named_as_aws_names_them() {
        let mut function = crate::testing::function("f", BTreeMap::new());
        let day = Timestamp(1_780_000_000_000);
        let name = stream_name(&function, day);
        assert!(
            name.starts_with("2026/05/28/[$LATEST]") && name.len() == 52,
            "{name}"
        );
        function.version = Version::Published(7);
        assert!(stream_name(&function, day).starts_with("2026/05/28/[7]"));
        function.version = Version::Latest;
        function.settings.logging.group = "shared".into();
        assert!(stream_name(&function, day).starts_with("2026/05/28/f[$LATEST]"));
    }
}
