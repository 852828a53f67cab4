//! 200 invokes at once of a function that runs nowhere yet, beside 200 bare starts of its interpreter at once.

use std::process::Child;
use std::rc::Rc;
use std::time::Instant;

use anyhow::ensure;

use crate::bench::connection::Connection;
use crate::bench::deploy::{self, Language};
use crate::bench::figures::Figures;
use crate::bench::floors::start::Floor;
use crate::bench::ground::Ground;
use crate::bench::row::Row;
use crate::bench::server::Server;

const AT_ONCE: usize = 200;

pub(super) struct Burst {
    ground: Rc<Ground>,
    floor: Floor,
}

impl Burst {
    pub(super) fn prepare(ground: Rc<Ground>) -> anyhow::Result<Self> {
        let floor = Floor::of(&ground.server, Language::Python)?;
        Ok(Self { ground, floor })
    }
}

impl Row for Burst {
    fn round(&mut self, round: u32, figures: &mut Figures) -> anyhow::Result<()> {
        figures.push(round, "burst/bare-python/ms", bare_ms(&self.floor)?);
        let server = &self.ground.server;
        let name = format!("burst-{round}");
        figures.push(round, "burst/python/ms", burst_ms(server, &name)?);
        Ok(())
    }
}

fn bare_ms(floor: &Floor) -> anyhow::Result<f64> {
    let start = Instant::now();
    let children: anyhow::Result<Vec<Child>> = (0..AT_ONCE).map(|_| floor.start()).collect();
    for mut child in children? {
        ensure!(child.wait()?.success(), "a bare start failed");
    }
    Ok(start.elapsed().as_secs_f64() * 1_000.0)
}

/// All invokes are sent before the first answer is read.
fn burst_ms(server: &Server, name: &str) -> anyhow::Result<f64> {
    let function = deploy::function(server, Language::Python, name, 1_769)?;
    let request = function.invoke_request(server)?;
    let connections: anyhow::Result<Vec<Connection>> = (0..AT_ONCE)
        .map(|_| Connection::open(server.address))
        .collect();
    let mut connections = connections?;
    let start = Instant::now();
    for connection in &mut connections {
        connection.send(&request)?;
    }
    for connection in &mut connections {
        let (status, body) = connection.receive()?;
        ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
    }
    let took = start.elapsed().as_secs_f64() * 1_000.0;
    deploy::delete(server, name)?;
    Ok(took)
}
