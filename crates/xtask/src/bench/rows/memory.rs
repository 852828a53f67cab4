//! Memory of a server of its own: with 1,000 functions deployed and none running, and of an idle environment.

use std::path::Path;

use crate::bench::connection::Connection;
use crate::bench::deploy::{self, Language};
use crate::bench::figures::Figures;
use crate::bench::processes::{children, family, is_first_process, proportional_mib};
use crate::bench::server::{Server, Setup, User};

const FUNCTIONS: usize = 1_000;
/// Of each language, whose mean is one environment's memory.
const ENVIRONMENTS: usize = 5;

/// Measures once.
pub(crate) fn measure(binary: &Path, figures: &mut Figures) -> anyhow::Result<()> {
    let server = Server::start(Setup {
        binary,
        name: "memory",
        user: User::Starting,
        arguments: &[],
    })?;
    figures.push(
        0,
        "functions/server-alone/mib",
        proportional_mib(&[server.pid()]),
    );
    for number in 0..FUNCTIONS {
        deploy::function(&server, Language::Python, &format!("many-{number}"), 1_769)?;
    }
    let spawners = children(server.pid());
    figures.push(0, "functions/server/mib", proportional_mib(&[server.pid()]));
    figures.push(0, "functions/spawner/mib", proportional_mib(&spawners));
    for language in Language::ALL {
        let name = format!("idle/{}/mib", language.word());
        figures.push(0, name, environment_mib(&server, language)?);
    }
    Ok(())
}

/// Of one idle environment: its processes, which share what they have in common with the others.
fn environment_mib(server: &Server, language: Language) -> anyhow::Result<f64> {
    let before = family(server.pid());
    for number in 0..ENVIRONMENTS {
        let name = format!("idle-{}-{number}", language.word());
        let function = deploy::function(server, language, &name, 1_769)?;
        Connection::open(server.address)?.call(&function.invoke_request(server)?)?;
    }
    let mut new = family(server.pid());
    new.retain(|pid| !before.contains(pid));
    let environments = new.iter().filter(|pid| is_first_process(**pid)).count();
    Ok(proportional_mib(&new) / environments.max(1) as f64)
}
