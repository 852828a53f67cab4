//! Closed-loop load: each connection sends its next request when the last one is answered.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};

use super::connection::Connection;
use super::statistics::percentile;

/// What one stretch of load showed.
pub(super) struct Load {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) per_second: f64,
}

/// Loads `address` over `connections` connections for `span`; any answer but 200 is an error.
pub(super) fn run(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    span: Duration,
) -> anyhow::Result<Load> {
    let gate = Barrier::new(connections);
    let mut latencies = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| worker(address, request, span, &gate)))
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(
                worker
                    .join()
                    .map_err(|_| anyhow!("a load thread panicked"))??,
            );
        }
        anyhow::Ok(all)
    })?;
    latencies.sort_unstable();
    Ok(Load {
        p50_us: percentile(&latencies, 50.0),
        p99_us: percentile(&latencies, 99.0),
        per_second: latencies.len() as f64 / span.as_secs_f64(),
    })
}

fn worker(
    address: SocketAddr,
    request: &[u8],
    span: Duration,
    gate: &Barrier,
) -> anyhow::Result<Vec<u64>> {
    let opened = Connection::open(address);
    gate.wait();
    let mut connection = opened?;
    let end = Instant::now() + span;
    let mut latencies = Vec::with_capacity(1 << 16);
    while Instant::now() < end {
        let start = Instant::now();
        let (status, body) = connection.call(request)?;
        if status != 200 {
            bail!("answered {status}: {}", String::from_utf8_lossy(body));
        }
        latencies.push(u64::try_from(start.elapsed().as_nanos())?);
    }
    Ok(latencies)
}
