//! Sandboxes: what the spawner says is missing, and a real one on trial.

use lambkin_sandbox::{
    Ground, Missing, Part, Sandbox, SpawnerConfig, SpawnerProcess, Trial, self_test,
};
use tempfile::TempDir;

use super::finding::Finding;
use super::{disk, network};
use crate::settings::Settings;

const SUBJECT: &str = "sandbox";
const TRIALS: &str = "self-test";
/// Users for the sandboxes of the trial: beyond those that a running server gives to its own.
const USERS: u32 = 8;
const REPORT: &str =
    "this is a fault of Lambkin or of this kernel: do not run foreign code here, and report it";

pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    match start(settings, false) {
        Ok((folder, process)) => {
            let missing = process.missing().to_vec();
            let mut findings = vec![Finding::good(SUBJECT, "sandboxes can be made")];
            findings.extend(missing.iter().map(lacking));
            findings.extend(datagrams(settings));
            let mut ground = ground(&missing).unwrap_or_else(|finding| {
                findings.push(finding);
                None
            });
            let trials = attempt(process, &missing, &folder, ground.as_mut());
            findings.extend(judged(trials));
            findings
        }
        Err(error) => vec![refused(&error)],
    }
}

/// Beside the trial, whose sandbox has nobody to carry its datagrams.
fn datagrams(settings: &Settings) -> Option<Finding> {
    settings.egress_udp.then(|| match start(settings, true) {
        Ok(_) => Finding::good(SUBJECT, "UDP can lead out of them (egress_udp)"),
        Err(error) => refused(&error),
    })
}

fn refused(error: &anyhow::Error) -> Finding {
    let text = format!("{error:#}");
    let (found, remedy) = text
        .split_once(". Remedy: ")
        .unwrap_or((&text, "see docs/rootless.md"));
    Finding::failed(SUBJECT, found, remedy)
}

fn start(settings: &Settings, datagrams: bool) -> anyhow::Result<(TempDir, SpawnerProcess)> {
    // Beside the data, so that images of /tmp are tried on the disk that they will lie on.
    let folder = tempfile::tempdir_in(disk::existing(&settings.data_dir))
        .or_else(|_| tempfile::tempdir())?;
    let first = settings.sandbox_users().end;
    let process = SpawnerProcess::start(&SpawnerConfig {
        work_dir: folder.path().join("sandbox"),
        server: None,
        uids: first..first.saturating_add(USERS),
        datagrams,
    })?;
    Ok((folder, process))
}

/// Before there is a thread, and after all that needs the machine's own network; none where there is no way out that
/// could be tried.
fn ground(missing: &[Missing]) -> Result<Option<Ground>, Finding> {
    if missing.iter().any(|one| one.part == Part::Network) {
        return Ok(None);
    }
    Ground::enter().map(Some).map_err(|error| {
        Finding::missing(
            TRIALS,
            format!("connections could not be tried: {error}"),
            "load the module for pairs of network devices (modprobe veth), which nothing but this needs",
        )
    })
}

fn lacking(missing: &Missing) -> Finding {
    Finding::missing(SUBJECT, &missing.what, &missing.remedy)
}

fn attempt(
    process: SpawnerProcess,
    missing: &[Missing],
    folder: &TempDir,
    ground: Option<&mut Ground>,
) -> anyhow::Result<Vec<Trial>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let spawner = process.connect()?;
        let way_out = match &ground {
            Some(ground) => Some(network::way_out(ground, folder.path())?),
            None => None,
        };
        let serve = async |sandbox: &Sandbox| match &way_out {
            Some(way_out) => way_out.serve(sandbox).await,
            None => network::refuse_all(sandbox).await,
        };
        Ok(self_test(&spawner, missing, folder.path(), ground, serve).await?)
    })
}

fn judged(trials: anyhow::Result<Vec<Trial>>) -> Vec<Finding> {
    let one = |trial: &Trial| {
        let found = format!("{}: {}", trial.name, trial.found);
        match trial.held {
            true => Finding::good(TRIALS, found),
            false => Finding::failed(TRIALS, found, REPORT),
        }
    };
    match trials {
        Ok(trials) => trials.iter().map(one).collect(),
        Err(error) => vec![Finding::failed(
            TRIALS,
            format!("it could not be made: {error:#}"),
            REPORT,
        )],
    }
}
