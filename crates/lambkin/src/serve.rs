//! `lambkin serve`: the boot story.
//!
//! ```text
//! settings -> listen -> keys -> interpreters -> spawner -> (root: drop privilege) -> store -> engine -> ready
//!          -> SIGTERM, SIGINT or SIGHUP: drain -> sandboxes gone -> store closed -> exit 0
//! ```
//! All that needs the starting user's rights comes before the drop, all threads after it.

use crate::settings::{Flags, Settings};
use crate::{credentials, log, stop, user};
use anyhow::{Context, bail};
use lambkin_api::{Credentials, Listener, Server};
use lambkin_engine::Engine;
use lambkin_engine::runtimes::{self, Runtimes};
use lambkin_model::egress::API_NAME;
use lambkin_model::{Limits, Scope};
use lambkin_sandbox::{SpawnerConfig, SpawnerProcess};
use lambkin_store::{MasterKey, Store};
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::time::Instant;

/// What `serve --help` says below the flags.
pub(crate) const HELP: &str = "Settings come from the file, then LAMBKIN_<KEY>, then flags; the last wins. \
    LAMBKIN_LOG sets what is logged (error, warn, info, debug, or target=level).";

const MIB: u64 = 1024 * 1024;

/// How long the process outlasts all else for threads that the kernel still holds, as it may while it looks for pages
/// that can leave. Nothing that is to be kept is in them.
const THREADS_TIMEOUT: Duration = Duration::from_secs(5);

/// What is made with the starting user's rights.
struct Boot {
    settings: Settings,
    listener: Listener,
    master_key: MasterKey,
    root_pair: credentials::KeyPair,
    runtimes: Runtimes,
    spawner: SpawnerProcess,
    data_dir: PathBuf,
}

/// Runs the server until it is told to end.
pub(crate) fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    log::start()?;
    let boot = boot(Settings::load(flags)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let served = runtime.block_on(serve(boot, flags.until_stdin_ends));
    runtime.shutdown_timeout(THREADS_TIMEOUT);
    served.map(|()| ExitCode::SUCCESS)
}

fn boot(settings: Settings) -> anyhow::Result<Boot> {
    let listener = Listener::bind(settings.listen)?;
    let data_dir = data_dir(&settings.data_dir)?;
    let master_key = MasterKey::load_or_create(&master_key_file(&settings), &data_dir)?;
    let root_pair = credentials::load(
        &data_dir,
        &settings.root_access_key_id,
        &settings.root_secret_access_key.0,
    )?;
    let runtimes = Runtimes::discover(runtimes_config(&settings, &data_dir))
        .context("cannot prepare the runtimes")?;
    let server = match lambkin_sandbox::is_root() {
        true => Some(user::resolve(&settings.user)?),
        false => None,
    };
    lambkin_store::prepare_data_dir(&data_dir, server)?;
    let uid_last = settings
        .sandbox_uid_first
        .saturating_add(settings.sandbox_uids);
    let spawner = SpawnerProcess::start(&SpawnerConfig {
        work_dir: data_dir.join("sandbox"),
        server,
        uids: settings.sandbox_uid_first..uid_last,
        datagrams: settings.egress_udp,
    })?;
    report_missing(&spawner, settings.production)?;
    let data_dir = match server {
        Some((uid, gid)) => lambkin_sandbox::drop_privileges(uid, gid, &data_dir)
            .context("cannot become the unprivileged user")?,
        None => data_dir,
    };
    Ok(Boot {
        settings,
        listener,
        master_key,
        root_pair,
        runtimes,
        spawner,
        data_dir,
    })
}

/// Made if it is missing. Another's is refused before anything is written to it.
fn data_dir(path: &Path) -> anyhow::Result<PathBuf> {
    let data_dir = std::fs::create_dir_all(path)
        .and_then(|()| path.canonicalize())
        .with_context(|| format!("cannot make the data folder {}", path.display()))?;
    lambkin_store::check_data_dir(&data_dir)?;
    Ok(data_dir)
}

fn master_key_file(settings: &Settings) -> PathBuf {
    if let Some(file) = &settings.master_key_file.0 {
        return file.clone();
    }
    if lambkin_sandbox::is_root() {
        return PathBuf::from("/etc/lambkin/master.key");
    }
    let configuration = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    configuration
        .unwrap_or_else(|| home().join(".config"))
        .join("lambkin/master.key")
}

fn home() -> PathBuf {
    std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

pub(crate) fn runtimes_config(settings: &Settings, data_dir: &Path) -> runtimes::Config {
    let configured = settings
        .runtimes
        .iter()
        .map(|one| (one.name.clone(), one.path.clone()));
    runtimes::Config {
        configured: configured.collect(),
        allow_nearest: settings.allow_nearest_runtime,
        dir: data_dir.join("runtimes"),
        homes: vec![home()],
    }
}

/// Names what this machine cannot give; refuses to start where isolation itself is missing, and in production
/// where anything is.
fn report_missing(spawner: &SpawnerProcess, production: bool) -> anyhow::Result<()> {
    let missing = spawner.missing();
    if production && !missing.is_empty() {
        let lines = missing
            .iter()
            .map(|one| format!("\n  {}; remedy: {}", one.what, one.remedy));
        bail!(
            "--production asks for every part of the isolation, and this machine lacks:{}",
            lines.collect::<String>()
        );
    }
    for missing in missing {
        tracing::warn!(remedy = missing.remedy, "{}", missing.what);
    }
    Ok(())
}

async fn serve(boot: Boot, until_stdin_ends: bool) -> anyhow::Result<()> {
    let Boot {
        settings,
        listener,
        master_key,
        root_pair,
        runtimes,
        spawner,
        data_dir,
    } = boot;
    let spawner = spawner.connect()?;
    let credentials = Credentials {
        access_key_id: root_pair.access_key_id.clone(),
        secret_access_key: root_pair.secret_access_key.clone(),
        region: settings.region.0.clone(),
        account: settings.account_id.0.clone(),
    };
    let server = Server::new(listener, api_config(&settings), credentials)?;
    let (address, handle) = (server.address(), server.handle());
    let shutdown = tokio_util::sync::CancellationToken::new();
    let serving = tokio::spawn(server.run(shutdown.clone().cancelled_owned()));
    let store = Store::open(store_config(&settings, data_dir.clone()), master_key)
        .map_err(|error| error.named(&data_dir, &settings.data_dir))?;
    let engine = Engine::start(
        engine_config(&settings, address),
        store.clone(),
        spawner.clone(),
        runtimes,
    )
    .await?;
    handle.ready(engine.clone());
    announce(&settings, address, &root_pair);
    let ended = tokio::select! {
        told = stop::signalled() => told,
        ended = stdin_end(), if until_stdin_ends => ended,
        () = spawner.gone() => Err(anyhow::anyhow!("the spawner process ended; without it no sandbox can be made: start the server again")),
    };
    tracing::info!("draining");
    let deadline = Instant::now() + Duration::from_secs(settings.drain_timeout_s);
    shutdown.cancel();
    serving.await?;
    engine.shutdown(deadline).await;
    tokio::task::spawn_blocking(move || store.close()).await?;
    ended
}

/// Returns once nobody holds the other end of stdin any more, however the holder ended.
async fn stdin_end() -> anyhow::Result<()> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
    let mut pipe = pipe::Receiver::from_owned_fd(stdin).context("stdin is no pipe")?;
    let mut ignored = [0; 64];
    while pipe.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// Says where to reach the server and, once in its life, with which keys.
fn announce(settings: &Settings, address: SocketAddr, pair: &credentials::KeyPair) {
    tracing::info!("listening on http://{address}");
    if !pair.is_new {
        return;
    }
    let shown = format!(
        "These keys are shown once; they are kept in {folder}/credentials.\n\n\
         export AWS_ENDPOINT_URL=http://{address}\n\
         export AWS_ACCESS_KEY_ID={id}\n\
         export AWS_SECRET_ACCESS_KEY={secret}\n\
         export AWS_REGION={region} AWS_DEFAULT_REGION={region}\n",
        folder = settings.data_dir.display(),
        id = pair.access_key_id,
        secret = pair.secret_access_key,
        region = settings.region.0
    );
    // `println!` would panic where nobody reads.
    let mut output = std::io::stdout().lock();
    if let Err(error) = output
        .write_all(shown.as_bytes())
        .and_then(|()| output.flush())
    {
        tracing::warn!(
            "the new keys cannot be shown ({error}); they are in {}/credentials",
            settings.data_dir.display()
        );
    }
}

/// As many as are set, if the descriptors that environments leave suffice for them.
fn connections_max(settings: &Settings) -> usize {
    let most = lambkin_engine::descriptors::clients_max(settings.egress_udp);
    if most < settings.connections_max {
        tracing::info!(
            "the limit of open files leaves room for {most} of connections_max = {}; raise it (`ulimit -Hn`, or \
             LimitNOFILE= of the service) for more",
            settings.connections_max
        );
    }
    settings.connections_max.min(most)
}

/// The operator's names, and the one that functions use where they may.
fn allow_hosts(settings: &Settings) -> Vec<String> {
    let own = settings
        .allow_api_from_functions
        .then(|| API_NAME.to_owned());
    settings.allow_host.0.iter().cloned().chain(own).collect()
}

fn api_config(settings: &Settings) -> lambkin_api::Config {
    let seconds = Duration::from_secs;
    lambkin_api::Config {
        allow_hosts: allow_hosts(settings),
        prices: settings.prices.clone(),
        limits: lambkin_api::Limits {
            connections_max: connections_max(settings),
            head_bytes_max: settings.head_bytes_max,
            head_lines_max: settings.head_lines_max,
            head_timeout: seconds(settings.head_timeout_s),
            streams_max: settings.streams_max,
            body_gap_timeout: seconds(settings.body_gap_timeout_s),
            body_timeout: seconds(settings.body_timeout_s),
            bodies_bytes_max: settings.bodies_mib_max * MIB as usize,
            log_followers_max: settings.log_followers_max,
            code_location_timeout: seconds(settings.code_location_timeout_s),
            drain_timeout: seconds(settings.drain_timeout_s),
            ..lambkin_api::Limits::default()
        },
    }
}

fn store_config(settings: &Settings, data_dir: PathBuf) -> lambkin_store::Config {
    lambkin_store::Config {
        data_dir,
        log_bytes_per_function_max: settings.log_function_mib * MIB,
        log_bytes_max: settings.log_total_mib * MIB,
    }
}

fn engine_config(settings: &Settings, api: SocketAddr) -> lambkin_engine::Config {
    lambkin_engine::Config {
        scope: Scope {
            account: settings.account_id.0.clone(),
            region: settings.region.0.clone(),
        },
        limits: Limits {
            concurrent_executions: settings.concurrency,
            ..Limits::default()
        },
        idle_timeout: Duration::from_secs(settings.idle_timeout_s),
        memory_reserve_bytes: settings.memory_reserve_mib * MIB,
        pool_bytes_max: settings.pool_memory_mib.0.map(|mib| mib * MIB),
        swap: settings.swap.into(),
        snap_start: settings.snap_start.into(),
        code_cache_bytes_max: settings.code_cache_mib * MIB,
        users_max: settings.sandbox_uids as usize,
        egress: lambkin_engine::egress::Config {
            api: settings.allow_api_from_functions.then_some(api),
            ..Default::default()
        },
    }
}
