//! Loads a version's program in a sandbox of its own, until it stands still to be cloned.
//!
//! Refuses: what becomes of it (`register`), who loads when (`turns`).

use super::journal::Journal;
use super::register::Unfit;
use super::{Lineage, Template};
use crate::compiled;
use crate::environment::{Host, Output, of_template};
use crate::failure::{Failure, KILLED};
use crate::reserve::Recipe;
use crate::runtimes::Launch;
use lambkin_model::Function;
use lambkin_sandbox::{self as sandbox, Event, Exit, Program, Sandbox, Spec};
use std::sync::Arc;
use std::time::Duration;

/// From the program's start until it stands still: AWS's least for a version that is being made ready.
const INIT_MAX: Duration = Duration::from_secs(130);
/// What one is expected to take before it is measured.
const EXPECTED_BYTES: u64 = 64 << 20;
/// CPU for each, in thousandths of a core, as for whatever else is made ahead.
const MILLICORES: u32 = 500;

/// Why there is no template.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotLoaded {
    #[error("too many others wait")]
    NoPlace,
    #[error("it is not wanted any more")]
    Unwanted,
    #[error("the machine has no memory for it")]
    NoMemory,
    #[error(transparent)]
    Runtime(#[from] crate::runtimes::Unavailable),
    #[error(transparent)]
    Code(#[from] crate::code::Error),
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    #[error("a defect of Lambkin's ended it")]
    Panicked,
    #[error("its sandbox came without its log pipe")]
    Incomplete,
    #[error("its sandbox ended while it was loaded")]
    Gone,
    #[error("it was killed while it was loaded")]
    Killed,
    #[error("it was not ready in {} seconds", INIT_MAX.as_secs())]
    TooSlow,
    #[error("its interpreter did not start: error {0}")]
    NotStarted(i32),
    #[error("its code or a hook failed when it was loaded")]
    Failed(Exit),
    #[error("{0}")]
    Unfit(String),
    /// As `Unfit`, by no fault of its own.
    #[error("{0}")]
    Hindered(String),
}

impl NotLoaded {
    /// What is slow may have been made so by others. `None` if nothing was tried: the next need asks again.
    pub(super) fn unfit(&self) -> Option<Unfit> {
        Some(match self {
            Self::NoPlace | Self::Unwanted => return None,
            Self::NoMemory
            | Self::Code(_)
            | Self::Sandbox(_)
            | Self::Panicked
            | Self::Incomplete
            | Self::Gone
            | Self::Killed
            | Self::Hindered(_)
            | Self::TooSlow => Unfit::ForNow,
            Self::NotStarted(errno) => Unfit::of_error(*errno),
            Self::Runtime(_) | Self::Failed(_) | Self::Unfit(_) => Unfit::ForGood,
        })
    }

    /// How INIT failed, if it was INIT that did.
    pub(super) fn failure(&self) -> Option<Failure> {
        match self {
            Self::Failed(exit) => Some(Failure::Exited(Some(*exit))),
            Self::Killed => Some(Failure::Exited(Some(Exit::Signal(KILLED)))),
            Self::TooSlow => Some(Failure::TimedOut(INIT_MAX)),
            Self::Unfit(_) | Self::Hindered(_) => None,
            _ => Some(Failure::Exited(None)),
        }
    }
}

pub(super) async fn load(
    host: &Arc<Host>,
    function: &Arc<Function>,
) -> Result<Template, NotLoaded> {
    let settings = &function.settings;
    let launch = host.runtimes.launch(settings.runtime, settings.memory_mb)?;
    let mut journal = Journal::open(host, function, launch.clone());
    let loading = try_to_load(host, function, &launch, &mut journal);
    let loaded = tokio::time::timeout(INIT_MAX, loading).await;
    let loaded = loaded.unwrap_or(Err(NotLoaded::TooSlow));
    journal.close(loaded.as_ref().err());
    loaded
}

async fn try_to_load(
    host: &Arc<Host>,
    function: &Arc<Function>,
    launch: &Launch,
    journal: &mut Journal<'_>,
) -> Result<Template, NotLoaded> {
    let (mut sandbox, program) = prepare(host, function, launch).await?;
    sandbox
        .set_cpu_limit(Some(MILLICORES))
        .map_err(sandbox::Error::from)?;
    let output = sandbox.take_output().ok_or(NotLoaded::Incomplete)?;
    journal.begin(Output::new(output));
    sandbox.start(&program).await?;
    // Nobody calls what it listens on.
    drop(sandbox.take_listener());
    let event = tokio::select! {
        event = sandbox.event() => event,
        never = journal.follow() => match never {},
    };
    match event {
        Event::Settled => settled(host, sandbox),
        Event::Unfit(why) => Err(NotLoaded::Unfit(why)),
        Event::Hindered(why) => Err(NotLoaded::Hindered(why)),
        Event::Exited(Exit::Signal(KILLED)) => Err(NotLoaded::Killed),
        Event::Exited(exit) => Err(NotLoaded::Failed(exit)),
        Event::StartFailed { errno } => Err(NotLoaded::NotStarted(errno)),
        Event::Gone => Err(NotLoaded::Gone),
    }
}

async fn prepare(
    host: &Arc<Host>,
    function: &Arc<Function>,
    launch: &Launch,
) -> Result<(Sandbox, Program), NotLoaded> {
    let settings = &function.settings;
    let most = u64::from(settings.memory_mb) << 20;
    if !host.has_room_for(EXPECTED_BYTES.max(most)) {
        return Err(NotLoaded::NoMemory);
    }
    let recipe = Recipe::new(launch, settings);
    let code = host.trees.get(function).await?;
    let code = compiled::beside(host, function, launch, code);
    let spec = Spec {
        lineage: sandbox::Lineage::Template,
        ..recipe.spec(Some(code))
    };
    let program = Program {
        argv: launch.command(settings),
        env: of_template(function, &launch.env),
        cwd: "/var/task".to_owned(),
    };
    Ok((host.spawner.create(&spec).await?, program))
}

fn settled(host: &Host, sandbox: Sandbox) -> Result<Template, NotLoaded> {
    let usage = sandbox.usage().unwrap_or_default();
    // Its clones begin in its control group.
    sandbox.set_cpu_limit(None).map_err(sandbox::Error::from)?;
    sandbox.rest();
    let bytes = match usage.memory_peak_bytes {
        // Without control groups nobody knows.
        0 => EXPECTED_BYTES,
        bytes => bytes,
    };
    Ok(Template {
        sandbox,
        lineage: Arc::new(Lineage::new(host.reserve.aside().take(bytes))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;
    use rustix::io::Errno;

    #[test]
    fn what_the_machine_lacks_or_slows_may_pass_and_what_the_code_is_or_does_not() {
        let no_room = code::Error::Unavailable("no room".to_owned());
        for why in [
            NotLoaded::NoMemory,
            NotLoaded::Code(no_room),
            NotLoaded::Sandbox(sandbox::Error::SpawnerGone),
            NotLoaded::Panicked,
            NotLoaded::Incomplete,
            NotLoaded::Gone,
            NotLoaded::Killed,
            NotLoaded::TooSlow,
            NotLoaded::NotStarted(Errno::NOMEM.raw_os_error()),
            NotLoaded::Hindered("it does not fork".to_owned()),
        ] {
            assert_eq!(why.unfit(), Some(Unfit::ForNow), "{why}");
        }
        for why in [
            NotLoaded::NotStarted(Errno::NOEXEC.raw_os_error()),
            NotLoaded::Failed(Exit::Code(1)),
            NotLoaded::Failed(Exit::Signal(11)),
            NotLoaded::Unfit("it holds a file open".to_owned()),
        ] {
            assert_eq!(why.unfit(), Some(Unfit::ForGood), "{why}");
        }
        for why in [NotLoaded::NoPlace, NotLoaded::Unwanted] {
            assert_eq!(why.unfit(), None, "{why}");
        }
    }
}
