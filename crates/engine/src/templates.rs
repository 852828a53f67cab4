//! Initialised programs of versions with SnapStart, kept so that environments are cloned from them.
//!
//! ```text
//! a version is published, an update of `$LATEST` is live, or an environment is wanted and there is none ──▶ Making
//!   Making ── the program has loaded its function and stands still ──▶ There ──▶ clones
//!     └── it failed, or has what clones cannot share ──▶ Unfit: its environments are started one by one, as any others
//! clones that fail, one after the other ──▶ Unfit
//! version deleted or changed, memory short ──▶ forgotten; clones that are there stay
//! ```
//! They count as what is made ahead, and come before sandboxes of nobody: the bound of `reserve` holds for both.
//!
//! Refuses: what becomes of a clone (`environment`), how a program is forked (`sandbox`).

use crate::environment::{Host, of_template};
use crate::reserve::Recipe;
use lambkin_model::{Function, FunctionName, SnapStart, Version};
use lambkin_sandbox::{self as sandbox, Event, Program, Sandbox, Spec};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;

/// From the program's start until it stands still: AWS's least for a version that is being made ready.
const INIT_MAX: Duration = Duration::from_secs(130);
/// What one is expected to take before it is measured.
const EXPECTED_BYTES: u64 = 64 << 20;
/// Programs that load at one time: more would only share the cores, which environments need.
const MAKING_MAX: usize = 1;
/// CPU for each, in thousandths of a core, as for whatever else is made ahead.
const MILLICORES: u32 = 500;
/// Clones that fail, with none among them that gets as far as its first event, until environments are started one by
/// one again.
const FAILURES_MAX: u32 = 2;

/// Which environments are cloned of those whose function has SnapStart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloning {
    /// None.
    Off,
    /// Those of published versions, as on AWS.
    Published,
    /// Those of `$LATEST` as well.
    Latest,
}

impl Cloning {
    fn is_for(self, function: &Function) -> bool {
        function.settings.snap_start == SnapStart::PublishedVersions
            && match self {
                Self::Off => false,
                Self::Published => function.version != Version::Latest,
                Self::Latest => true,
            }
    }
}

/// All that are kept.
pub(crate) struct Templates {
    cloning: Cloning,
    bytes_max: u64,
    kept: Mutex<HashMap<(FunctionName, Version), Kept>>,
    /// Counts what is asked for, so that the one that was needed longest ago is known.
    clock: AtomicU64,
    turns: Semaphore,
}

struct Kept {
    function: Arc<Function>,
    state: State,
    needed: u64,
}

#[derive(Clone)]
enum State {
    Making,
    There(Arc<Template>),
    Unfit,
}

/// One initialised program, which stands still.
pub(crate) struct Template {
    sandbox: Sandbox,
    bytes: u64,
    lineage: Arc<Lineage>,
}

/// What a template's clones know of it.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    /// Clones that have failed since one was ready.
    failures: AtomicU32,
}

impl Templates {
    /// In that much memory, in bytes; 0 is none at all.
    pub(crate) fn new(cloning: Cloning, bytes_max: u64) -> Self {
        Self {
            cloning,
            bytes_max,
            kept: Mutex::default(),
            clock: AtomicU64::new(0),
            turns: Semaphore::new(MAKING_MAX),
        }
    }

    /// The template of exactly this version; has one made if it is wanted and not there yet.
    pub(crate) fn of(host: &Arc<Host>, function: &Arc<Function>) -> Option<Arc<Template>> {
        let templates = &host.templates;
        if templates.bytes_max == 0 || !templates.cloning.is_for(function) {
            return None;
        }
        let needed = templates.clock.fetch_add(1, Ordering::Relaxed);
        let key = (function.name.clone(), function.version);
        let mut all = templates.lock();
        if let Some(kept) = all.get_mut(&key)
            && Arc::ptr_eq(&kept.function, function)
        {
            kept.needed = needed;
            return match &kept.state {
                State::There(template) if template.stands() => Some(Arc::clone(template)),
                State::There(_) => {
                    all.remove(&key);
                    None
                }
                State::Making | State::Unfit => None,
            };
        }
        let kept = Kept {
            function: Arc::clone(function),
            state: State::Making,
            needed,
        };
        drop(all.insert(key, kept));
        drop(all);
        let making = make_and_keep(Arc::clone(host), Arc::clone(function));
        host.filler.spawn(making);
        None
    }

    /// Whether the template of this version is on its way.
    pub(crate) fn is_making(&self, function: &Function) -> bool {
        let key = (function.name.clone(), function.version);
        matches!(self.lock().get(&key), Some(kept) if matches!(kept.state, State::Making))
    }

    /// Forgets that of a version, or those of all of a function's. Returns how many bytes are taken still.
    pub(crate) fn forget(&self, name: &FunctionName, version: Option<Version>) -> u64 {
        let mut all = self.lock();
        all.retain(|(of, number), _| {
            of != name || version.is_some_and(|version| version != *number)
        });
        Self::bytes(&all)
    }

    /// Whether a version's is still to be made.
    fn is_wanted(&self, function: &Arc<Function>) -> bool {
        let key = (function.name.clone(), function.version);
        let all = self.lock();
        let kept = all.get(&key);
        kept.is_some_and(|kept| Arc::ptr_eq(&kept.function, function))
    }

    /// A clone could not be made, or ended before it was ready. A template of such clones costs each environment more
    /// than it saves, and is given up.
    pub(crate) fn failed(host: &Host, function: &Arc<Function>, lineage: &Arc<Lineage>) {
        if lineage.failures.fetch_add(1, Ordering::Relaxed) + 1 >= FAILURES_MAX
            && host.templates.is_of(function, lineage)
        {
            let version = function.version;
            tracing::warn!(function = %function.name, %version, "environments are not cloned: clones of it fail");
            let bytes = host.templates.keep(function, State::Unfit);
            host.reserve.set_aside(bytes);
        }
    }

    fn is_of(&self, function: &Function, lineage: &Arc<Lineage>) -> bool {
        let key = (function.name.clone(), function.version);
        matches!(self.lock().get(&key).map(|kept| &kept.state),
            Some(State::There(template)) if Arc::ptr_eq(&template.lineage, lineage))
    }

    /// At the end of the server.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Memory that they take, in bytes.
    fn bytes(all: &HashMap<(FunctionName, Version), Kept>) -> u64 {
        all.values().map(Kept::bytes).sum()
    }

    /// Keeps what was made, if anybody wants it still, and gives up the ones that were needed longest ago for it.
    fn keep(&self, function: &Arc<Function>, made: State) -> u64 {
        let key = (function.name.clone(), function.version);
        let mut all = self.lock();
        if let Some(kept) = all
            .get_mut(&key)
            .filter(|kept| Arc::ptr_eq(&kept.function, function))
        {
            kept.state = made;
        }
        while Self::bytes(&all) > self.bytes_max {
            let there = all.iter().filter(|(_, kept)| kept.bytes() > 0);
            let oldest = there.min_by_key(|(_, kept)| kept.needed);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            all.remove(&oldest);
        }
        Self::bytes(&all)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(FunctionName, Version), Kept>> {
        // Whole at every moment, so a panic elsewhere does not spoil it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn bytes(&self) -> u64 {
        match &self.state {
            State::There(template) => template.bytes,
            State::Making | State::Unfit => 0,
        }
    }
}

impl Template {
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) fn lineage(&self) -> &Arc<Lineage> {
        &self.lineage
    }

    /// The kernel may have killed it for want of memory.
    fn stands(&self) -> bool {
        self.sandbox.is_quiet()
    }
}

impl Lineage {
    /// A clone has asked for its first event.
    pub(crate) fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }
}

async fn make_and_keep(host: Arc<Host>, function: Arc<Function>) {
    // The semaphore is never closed.
    let turn = tokio::select! {
        turn = host.templates.turns.acquire() => turn,
        () = host.stop.cancelled() => return,
    };
    if !host.templates.is_wanted(&function) {
        return;
    }
    let made = tokio::select! {
        made = tokio::time::timeout(INIT_MAX, make(&host, &function)) => {
            made.unwrap_or_else(|_| Err("it was not ready in 130 seconds".to_owned()))
        }
        () = host.stop.cancelled() => return,
    };
    let state = match made {
        Ok(template) => State::There(Arc::new(template)),
        Err(why) => {
            let version = function.version;
            tracing::warn!(function = %function.name, %version, "environments are not cloned: {why}");
            State::Unfit
        }
    };
    drop(turn);
    let bytes = host.templates.keep(&function, state);
    host.reserve.set_aside(bytes);
}

async fn make(host: &Host, function: &Function) -> Result<Template, String> {
    let most = u64::from(function.settings.memory_mb) << 20;
    if host.short_of(EXPECTED_BYTES.max(most)) > 0 {
        return Err("the machine has no memory for it".to_owned());
    }
    let settings = &function.settings;
    let launch = host.runtimes.launch(settings.runtime, settings.memory_mb);
    let launch = launch.map_err(|error| error.to_string())?;
    let recipe = Recipe::new(&launch, settings);
    let code = host.trees.get(function).await;
    let code = code.map_err(|error| error.to_string())?;
    let spec = Spec {
        lineage: sandbox::Lineage::Template,
        ..recipe.spec(Some(code))
    };
    let sandbox = host.spawner.create(&spec).await;
    let mut sandbox = sandbox.map_err(|error| error.to_string())?;
    let program = Program {
        argv: launch.command(settings),
        env: of_template(function, &launch.env),
        cwd: "/var/task".to_owned(),
    };
    let limited = sandbox.set_cpu_limit(Some(MILLICORES));
    limited.map_err(|error| error.to_string())?;
    let started = sandbox.start(&program).await;
    started.map_err(|error| error.to_string())?;
    let mut output = sandbox.take_output().ok_or("it came without its log")?;
    // Nobody calls what it listens on.
    drop(sandbox.take_listener());
    let ignored = async {
        let mut bytes = [0; 4096];
        while matches!(output.read(&mut bytes).await, Ok(1..)) {}
        std::future::pending().await
    };
    let event = tokio::select! {
        event = sandbox.event() => event,
        () = ignored => Event::Gone,
    };
    match event {
        Event::Settled => {
            let bytes = sandbox.usage().map_or(0, |usage| usage.memory_peak_bytes);
            // Its clones begin in its control group.
            let unlimited = sandbox.set_cpu_limit(None);
            unlimited.map_err(|error| error.to_string())?;
            sandbox.rest();
            Ok(Template {
                sandbox,
                // Without control groups nobody knows.
                bytes: if bytes == 0 { EXPECTED_BYTES } else { bytes },
                lineage: Arc::default(),
            })
        }
        Event::Unfit(why) => Err(why),
        Event::Exited(_) => Err("its code or a hook failed when it was loaded".to_owned()),
        Event::StartFailed { .. } | Event::Gone => Err("it did not start".to_owned()),
    }
}
