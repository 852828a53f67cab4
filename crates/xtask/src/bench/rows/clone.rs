//! First invokes of a Python function with slow imports: from a clone of its initialised version, and plain.
//!
//! Clones are what `SnapStart: PublishedVersions` asks for. A server that has none says so when the row is prepared.

use std::rc::Rc;

use anyhow::ensure;

use crate::bench::connection::Connection;
use crate::bench::deploy::{self, Function, SnapStart};
use crate::bench::figures::Figures;
use crate::bench::ground::Ground;
use crate::bench::processes::{family, is_first_process, private_mib};
use crate::bench::row::Row;
use crate::bench::server::Server;
use crate::bench::statistics::median;

/// Of each kind in a round.
const STARTS: usize = 3;
/// At once, of one version: what they have of their own is measured.
const CLONES: usize = 8;
/// Each is busy for so long, so that each invoke gets an environment of its own.
const BUSY_EVENT: &[u8] = b"{\"n\":1,\"seconds\":1}";

pub(super) struct Clone {
    ground: Rc<Ground>,
}

impl Clone {
    pub(super) fn prepare(ground: Rc<Ground>) -> anyhow::Result<Self> {
        let name = "clone-probe";
        deploy::slow_imports(&ground.server, name, SnapStart::PublishedVersions)?;
        deploy::delete(&ground.server, name)?;
        Ok(Self { ground })
    }

    fn first_invoke_ms(&self, round: u32, snap_start: SnapStart) -> anyhow::Result<f64> {
        let server = &self.ground.server;
        let mut times = Vec::new();
        for number in 0..STARTS {
            let name = format!("clone-{round}-{number}");
            let function = deploy::slow_imports(server, &name, snap_start)?;
            times.push(function.timed_invoke_ms(server)?);
            deploy::delete(server, &name)?;
        }
        Ok(median(&times))
    }
}

impl Row for Clone {
    fn round(&mut self, round: u32, figures: &mut Figures) -> anyhow::Result<()> {
        let plain = self.first_invoke_ms(round, SnapStart::None)?;
        figures.push(round, "clone/plain/ms", plain);
        let cloned = self.first_invoke_ms(round, SnapStart::PublishedVersions)?;
        figures.push(round, "clone/cloned/ms", cloned);
        let name = format!("clones-{round}");
        let function =
            deploy::slow_imports(&self.ground.server, &name, SnapStart::PublishedVersions)?;
        let private = private_each_mib(&self.ground.server, &function)?;
        figures.push(round, "clone/private/mib", private);
        deploy::delete(&self.ground.server, &name)
    }
}

/// Pages of a clone's processes that nobody else has, its pid 1 among them.
fn private_each_mib(server: &Server, function: &Function) -> anyhow::Result<f64> {
    let request = function.request(server, BUSY_EVENT)?;
    let before = family(server.pid());
    let connections: anyhow::Result<Vec<Connection>> = (0..CLONES)
        .map(|_| Connection::open(server.address))
        .collect();
    let mut connections = connections?;
    for connection in &mut connections {
        connection.send(&request)?;
    }
    for connection in &mut connections {
        ensure!(connection.receive()?.0 == 200, "a clone's invoke failed");
    }
    let mut new = family(server.pid());
    new.retain(|pid| !before.contains(pid));
    let environments = new.iter().filter(|pid| is_first_process(**pid)).count();
    ensure!(
        environments >= CLONES,
        "only {environments} of {CLONES} environments"
    );
    Ok(private_mib(&new) / environments as f64)
}
