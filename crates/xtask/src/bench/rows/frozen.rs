//! CPU time of a server of its own whose 500 environments are all frozen, for 20 seconds.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::bench::connection::Connection;
use crate::bench::deploy::{self, Language};
use crate::bench::figures::Figures;
use crate::bench::processes::{children, cpu_s, family, is_first_process};
use crate::bench::server::{Server, Setup, User};

const ENVIRONMENTS: usize = 500;
const SPAN: Duration = Duration::from_secs(20);
/// Until what the last invoke left to do is done.
const SETTLED: Duration = Duration::from_secs(5);

/// Measures once.
pub(crate) fn measure(binary: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let server = Server::start(Setup {
        binary,
        name: "frozen",
        user: User::Starting,
        arguments: &[],
    })?;
    for number in 0..ENVIRONMENTS {
        let function = deploy::function(&server, Language::Rust, &format!("f-{number}"), 128)?;
        let (status, _) =
            Connection::open(server.address)?.call(&function.invoke_request(&server)?)?;
        ensure!(status == 200, "environment {number}: {status}");
    }
    std::thread::sleep(SETTLED);
    let all = family(server.pid());
    let environments = all.iter().filter(|pid| is_first_process(**pid)).count();
    ensure!(
        environments >= ENVIRONMENTS,
        "only {environments} environments"
    );
    let spawners = children(server.pid());
    let own = [server.pid()];
    let (mut shares, start) = ([0.0; 3], Instant::now());
    let groups = [&all[..], &own, &spawners];
    for (share, pids) in shares.iter_mut().zip(groups) {
        *share = cpu_s(pids);
    }
    std::thread::sleep(SPAN);
    let percent = 100.0 / start.elapsed().as_secs_f64();
    for ((before, pids), name) in shares.iter().zip(groups).zip(["all", "server", "spawner"]) {
        let used = (cpu_s(pids) - before) * percent;
        figures.push(0, format!("frozen/{name}/percent"), used);
    }
    figures.push(0, "frozen/environments/count", environments as f64);
    Ok(())
}
