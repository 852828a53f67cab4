//! `lambkin dev`: deploys the functions of a folder on a server of its own, invokes each once, and keeps
//! them up to date with their sources.
//!
//! ```text
//! plan ─▶ SDKs ─▶ server up ─▶ for each function: package ─▶ deploy ─▶ invoke ─▶ report ─▶ exports
//!                                                                                            │
//!                                             --once: end with the worst status ◀────────────┤
//!                                             watch ─▶ package ─▶ deploy what changed ─▶ … ◀─┘
//! ```
//! SIGINT, SIGTERM and SIGHUP end it, and its server with it, at any point.

mod deploy;
mod event;
mod exports;
mod package;
mod plan;
mod reload;
mod report;
mod server;
mod template;
mod watch;

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use futures_util::StreamExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::globals::Globals;
use crate::terminal::Terminal;

use deploy::Deployer;
use package::Packager;
use plan::Plan;
use reload::{Live, Reloader};
use report::Report;
use server::Server;
use template::{Function, Place};

/// Builds and deploys at once: enough that pip, npm and cargo do not wait for each other.
const DEPLOYS_MAX: usize = 4;
/// What a shell gives a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Dev {
    /// Folder with a SAM template
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// End after every function was invoked, with status 1 if one failed
    #[arg(long)]
    once: bool,
    /// Address and port of the server
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "LAMBKIN_LISTEN",
        hide_env_values = true,
        default_value = "127.0.0.1:9550"
    )]
    listen: SocketAddr,
    /// Do not install the AWS SDKs that functions import without shipping
    #[arg(long)]
    no_sdk: bool,
}

impl Dev {
    pub(crate) async fn run(self, globals: &Globals) -> anyhow::Result<ExitCode> {
        ensure!(
            self.listen.port() != 0,
            "--listen needs a port that clients can be pointed at, not 0"
        );
        let terminal = Terminal::new(globals);
        let mut stop = Stop::new()?;
        // The server outlives the session, so that it is ended in order however the session ends.
        let mut server = None;
        let is_up = Cell::new(false);
        let session = Session {
            dev: &self,
            globals,
            terminal: &terminal,
            is_up: &is_up,
        };
        let ended = tokio::select! {
            ended = session.run(&mut server) => ended,
            () = stop.wait() => Ok(ExitCode::from(if is_up.get() { 0 } else { INTERRUPTED })),
        };
        if let Some(server) = server {
            server.stop().await?;
        }
        ended
    }
}

/// One run, from the plan to the end.
struct Session<'a> {
    dev: &'a Dev,
    globals: &'a Globals,
    terminal: &'a Terminal,
    /// Set once everything is deployed: to be told to end is no interruption any more.
    is_up: &'a Cell<bool>,
}

impl Session<'_> {
    async fn run(&self, server: &mut Option<Server>) -> anyhow::Result<ExitCode> {
        let place = place(self.globals.region_flag());
        let plan = Plan::read(&self.dev.dir, &place)?;
        plan.warn(self.terminal);
        self.install_sdks(&plan).await;
        let data_dir = self.globals.data_dir();
        let server = server.insert(Server::start(
            self.dev.listen,
            data_dir,
            &place,
            self.terminal,
        )?);
        let (client, runtimes) = server.ready().await?;
        let data_dir = data_dir.canonicalize()?;
        let deployer = Deployer {
            client: client.clone(),
            packager: Packager::new(self.terminal, &data_dir, runtimes),
        };
        // From before the first package on, so that no change is missed.
        let watch = match self.dev.once {
            true => None,
            false => Some(reload::watch(&plan, &deployer)?),
        };
        let states = tokio::select! {
            states = self.deploy_all(&plan, &deployer) => states?,
            error = server.ended() => return Err(error),
        };
        exports::print(self.terminal, &client, self.globals.json())?;
        let Some(watch) = watch else {
            let is_well = plan.rejected.is_empty() && states.iter().all(|state| state.is_well);
            return Ok(if is_well {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            });
        };
        self.is_up.set(true);
        let reloader = Reloader {
            dir: &self.dev.dir,
            place,
            plan,
            states: states
                .into_iter()
                .map(|state| (state.name, state.live))
                .collect(),
            deployer: &deployer,
            printer: reload::Printer {
                terminal: self.terminal,
                as_json: self.globals.json(),
            },
            watch,
        };
        tokio::select! {
            ended = reloader.run() => ended.map(|()| ExitCode::SUCCESS),
            error = server.ended() => Err(error),
        }
    }

    /// Functions can do without an SDK; a failure is told, and they run.
    async fn install_sdks(&self, plan: &Plan) {
        let data_dir = self.globals.data_dir();
        let missing = plan
            .sdks()
            .into_iter()
            .filter(|sdk| !sdk.is_installed(data_dir));
        let installs = missing.filter(|_| !self.dev.no_sdk).map(async |sdk| {
            let name = sdk.name();
            let busy = self.terminal.busy(format!("Installing the AWS SDK for {name} (once)"));
            let installed = sdk.install(data_dir).await;
            drop(busy);
            if let Err(error) = installed {
                self.terminal.warn(format_args!(
                    "functions cannot import the AWS SDK for {name}; `lambkin runtimes install {name}` tries again: {error:#}"
                ));
            }
        });
        futures_util::future::join_all(installs).await;
    }

    /// Deploys and invokes every function, some at once, and reports in the plan's order.
    async fn deploy_all(
        &self,
        plan: &Plan,
        deployer: &Deployer,
    ) -> anyhow::Result<Vec<FirstState>> {
        for rejected in &plan.rejected {
            Report::rejected(rejected).print(self.terminal, self.globals.json())?;
        }
        let tries = plan
            .functions
            .iter()
            .map(async |function| first(deployer, function).await);
        let mut tries = futures_util::stream::iter(tries).buffered(DEPLOYS_MAX);
        let mut states = Vec::new();
        while let Some((report, state)) = tries.next().await {
            report.print(self.terminal, self.globals.json())?;
            states.push(state);
        }
        Ok(states)
    }
}

/// How a function came up.
struct FirstState {
    name: String,
    live: Live,
    /// Deployed, and its first invoke succeeded.
    is_well: bool,
}

/// Deploys a function and invokes it once.
async fn first(deployer: &Deployer, function: &Function) -> (Report, FirstState) {
    let (report, live) = match deployer.deploy(function).await {
        Ok(deployed) => {
            let report = match event::invoke(&deployer.client, function).await {
                Ok((event, answered)) => {
                    Report::answered(function, deployed.build, event, answered)
                }
                Err(error) => Report::failed(function, &error),
            };
            (report, Live::Package(deployed.sha256))
        }
        Err(error) => (
            Report::failed(function, &error),
            Live::Failed(format!("{error:#}")),
        ),
    };
    let is_well = report.is_well();
    (
        report,
        FirstState {
            name: function.name.clone(),
            live,
            is_well,
        },
    )
}

/// As the server has it: dev hands it the same settings.
fn place(region: Option<&str>) -> Place {
    let variable = |name, default: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.unwrap_or_else(|| default.to_owned())
    };
    Place {
        account: variable("LAMBKIN_ACCOUNT_ID", "000000000000"),
        region: region.map_or_else(|| variable("LAMBKIN_REGION", "us-east-1"), str::to_owned),
    }
}

/// The signals that end the command.
struct Stop([Signal; 3]);

impl Stop {
    fn new() -> anyhow::Result<Self> {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let [interrupt, terminate, hangup] = kinds.map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    async fn wait(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
