//! The engine: from a valid request to a function's answer, and everything that decides on the way.
//!
//! Owns: the invoke path (admit, place, run, meter), environments, the Runtime API, logs, the semantics of the
//! control plane, and which runtimes this machine has.
//! Refuses: HTTP towards clients (`api`), files and tables (`store`), kernel mechanisms (`sandbox`).

mod admission;
mod code;
mod compiled;
pub mod descriptors;
pub mod egress;
mod environment;
mod failure;
pub mod functions;
mod invocation;
pub mod invoke;
mod log;
mod memory;
mod pool;
mod present_rules;
mod repolled;
mod reserve;
mod runtime_api;
pub mod runtimes;
pub mod start;
mod swap;
mod templates;
#[cfg(test)]
mod testing;
mod trace;

/// How strongly environments are isolated on a machine.
pub mod isolation {
    pub use lambkin_sandbox::{ControlGroups, Isolation, Network, Tmp, Users};
}

use admission::Admission;
use code::Trees;
use compiled::Compiler;
use egress::Gateway;
use environment::Host;
use functions::Functions;
use lambkin_model::{Function, FunctionName, Limits, Qualifier, Scope, Version};
use lambkin_sandbox::Spawner;
use lambkin_store::Store;
use memory::Memory;
use pool::{Launches, Pools};
use present_rules::PresentRules;
pub use repolled::repolled;
use reserve::Reserve;
use runtimes::Runtimes;
use start::{PastStart, RecentStarts};
use std::sync::Arc;
use std::time::Duration;
pub use swap::Swap;
pub use templates::Cloning;
use templates::Templates;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest that updates on their way may take to settle at the end: a few writes.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest that taking down every sandbox may take.
const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// What the operator can set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose functions these are.
    pub scope: Scope,
    /// AWS's quotas, as the operator changed them.
    pub limits: Limits,
    /// How long an environment rests before it is taken down.
    pub idle_timeout: Duration,
    /// Memory of the machine, in bytes, that environments leave free: below it invokes get 429.
    pub memory_reserve_bytes: u64,
    /// Where pages of idle environments go before that.
    pub swap: Swap,
    /// Memory, in bytes, for sandboxes that are made before they are needed; 0 is none, and `None` the twentieth part
    /// of the machine's.
    pub pool_bytes_max: Option<u64>,
    /// Which environments of functions with SnapStart are cloned, within the same memory.
    pub snap_start: Cloning,
    /// Bytes of unpacked code kept in memory; least recently used goes first.
    pub code_cache_bytes_max: u64,
    /// Users that sandboxes have, where each has its own.
    pub users_max: usize,
    /// The network of functions.
    pub egress: egress::Config,
}

/// The running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    scope: Scope,
    functions: Functions,
    admission: Admission,
    pools: Arc<Pools>,
    host: Arc<Host>,
}

/// As many as the process's descriptors suffice for; fewer than the account's concurrency are worth a word.
fn environments_max(concurrency: u32, datagrams: bool) -> usize {
    let most = descriptors::environments_max(datagrams);
    if most < concurrency as usize {
        tracing::warn!(
            "the limit of open files suffices for {most} environments at once, fewer than the concurrency of \
             {concurrency}: further invokes get 429; raise it (`ulimit -Hn`, or LimitNOFILE= of the service)"
        );
    }
    most
}

/// Users that environments leave to what unpacks, compiles or is cloned, where there are many.
const OTHER_USERS: usize = 16;

/// Of so many users, those that environments may have.
fn users_of_environments(users_max: usize) -> usize {
    let others = OTHER_USERS.min(users_max.div_ceil(2));
    users_max.saturating_sub(others).max(1)
}

/// As the operator says, or one part in twenty of what the machine has.
fn pool_bytes_max(config: &Config) -> u64 {
    config
        .pool_bytes_max
        .unwrap_or_else(|| memory::total_bytes() / 20)
}

/// Why the engine does not start; a text for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl Engine {
    /// Loads all functions, sweeps what a kill left, settles what was in progress.
    pub async fn start(
        config: Config,
        store: Store,
        spawner: Spawner,
        runtimes: Runtimes,
    ) -> Result<Self, StartError> {
        let pool_bytes_max = pool_bytes_max(&config);
        let Config { scope, limits, .. } = config;
        let unzipped = limits.code_size_unzipped_bytes;
        let cache = config.code_cache_bytes_max;
        let trees = Arc::new(Trees::new(spawner.clone(), store.clone(), unzipped, cache));
        let admission = Admission::new(limits.concurrent_executions);
        let rules = Arc::new(PresentRules::default());
        let datagrams = spawner.isolation().datagrams;
        let users = match spawner.isolation().users {
            lambkin_sandbox::Users::Own => users_of_environments(config.users_max),
            lambkin_sandbox::Users::Shared => usize::MAX,
        };
        let reserve = Reserve::new(spawner.clone(), pool_bytes_max);
        let aside = reserve.aside().clone();
        let host = Arc::new(Host {
            store: store.clone(),
            reserve,
            templates: Templates::new(config.snap_start, pool_bytes_max, aside),
            compiler: Compiler::new(),
            spawner,
            trees: Arc::clone(&trees),
            runtimes: runtimes.clone(),
            rules: Arc::clone(&rules),
            gateway: Arc::new(Gateway::open(config.egress)?),
            starts: RecentStarts::default(),
            memory: Memory::new(config.memory_reserve_bytes),
            swap: config.swap,
            environments_max: environments_max(limits.concurrent_executions, datagrams).min(users),
            idle_timeout: config.idle_timeout,
            launches: Launches::new(),
            owners: TaskTracker::new(),
            filler: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let pools = Arc::new(Pools::new(Arc::clone(&host)));
        let loading = Functions::load(
            scope.clone(),
            limits,
            store,
            trees,
            Arc::clone(&pools),
            rules,
            runtimes,
        );
        let functions = loading
            .await
            .map_err(|error| StartError(error.to_string()))?;
        host.filler.spawn(reserve::fill(Arc::clone(&host)));
        host.filler.spawn(pool::relieve(Arc::clone(&pools)));
        Ok(Self(Arc::new(Inner {
            scope,
            functions,
            admission,
            pools,
            host,
        })))
    }

    /// Account and region that this server serves.
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// Everything durable.
    pub fn store(&self) -> &Store {
        &self.0.host.store
    }

    /// The control plane.
    pub fn functions(&self) -> &Functions {
        &self.0.functions
    }

    /// The interpreters of this machine.
    pub fn runtimes(&self) -> &Runtimes {
        &self.0.host.runtimes
    }

    /// The last starts of a version since it changed last and the server began, newest first; `None` without such
    /// a function or version.
    pub fn starts(
        &self,
        name: &FunctionName,
        qualifier: Option<&Qualifier>,
    ) -> Option<Vec<PastStart>> {
        let function = self.0.functions.find(name, qualifier)?;
        Some(self.0.host.starts.read(&function))
    }

    /// Whether a version with SnapStart is being loaded; until then its environments are started as any others. Never
    /// so of `$LATEST`, for which nobody waits.
    pub fn is_loading(&self, version: &Function) -> bool {
        version.version != Version::Latest && self.0.host.templates.is_making(version)
    }

    /// Whether environments of a version are clones of it, or will be as soon as it is loaded: false where the operator
    /// has that switched off, and where the version has turned out not to bear it.
    pub fn is_cloned(&self, version: &Function) -> bool {
        self.0.host.templates.is_for(version)
    }

    /// What every environment is made of on this machine.
    pub fn isolation(&self) -> &isolation::Isolation {
        self.0.host.spawner.isolation()
    }

    /// Runs one synchronous invocation. It runs to its end and is metered even if the caller drops this. Whoever holds it
    /// polls it: before, the function's program is not told that its answer has come.
    pub async fn invoke(&self, request: invoke::Request) -> Result<invoke::Answer, invoke::Error> {
        invoke::invoke(&self.0, request).await
    }

    /// No new invokes; those that still run at `deadline` are killed, metered and answered as such. Every
    /// sandbox is gone when this returns.
    pub async fn shutdown(&self, deadline: Instant) {
        let drained = tokio::time::timeout_at(deadline, self.0.admission.close()).await;
        if drained.is_err() {
            tracing::warn!("invocations are killed: they did not end in time");
        }
        if tokio::time::timeout(SETTLE_TIMEOUT, self.0.functions.close())
            .await
            .is_err()
        {
            tracing::warn!("an update is left unsettled; the next start settles it");
        }
        let host = &self.0.host;
        host.stop.cancel();
        host.owners.close();
        host.filler.close();
        let all = async {
            host.filler.wait().await;
            host.owners.wait().await;
            host.templates.clear();
        };
        if tokio::time::timeout(TEARDOWN_TIMEOUT, all).await.is_err() {
            tracing::warn!("some sandboxes are left to the spawner's end");
        }
    }
}
