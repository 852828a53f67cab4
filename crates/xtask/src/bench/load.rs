//! Closed-loop load: each connection sends its next request when the last one is answered.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};

use super::connection::Connection;
use super::statistics::percentile;

/// Of one connection: more and it gives up, so that a subject that answers nothing but errors ends the stretch.
const ERRORS_MAX: usize = 100;

/// What one stretch of load showed.
#[derive(Default)]
pub(super) struct Load {
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) per_second: f64,
    /// Any answer but 200, and any connection that broke.
    pub(super) errors: usize,
    /// The first of them.
    pub(super) error: Option<String>,
}

impl Load {
    /// For rows that mean nothing when a request failed.
    pub(super) fn without_errors(self) -> anyhow::Result<Self> {
        ensure!(
            self.errors == 0,
            "{} requests failed, the first: {}",
            self.errors,
            self.error.unwrap_or_default()
        );
        Ok(self)
    }
}

/// Of one connection.
#[derive(Default)]
struct Share {
    latencies_ns: Vec<u64>,
    errors: usize,
    error: Option<String>,
}

/// Loads `address` over `connections` connections for `span`.
pub(super) fn run(
    address: SocketAddr,
    request: &[u8],
    connections: usize,
    span: Duration,
) -> anyhow::Result<Load> {
    let gate = Barrier::new(connections);
    let shares = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|_| scope.spawn(|| worker(address, request, span, &gate)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().map_err(|_| anyhow!("a load thread panicked")))
            .collect::<anyhow::Result<Vec<Share>>>()
    })?;
    let mut load = Load::default();
    let mut latencies = Vec::new();
    for share in shares {
        latencies.extend(share.latencies_ns);
        load.errors += share.errors;
        load.error = load.error.or(share.error);
    }
    latencies.sort_unstable();
    load.p50_us = percentile(&latencies, 50.0);
    load.p99_us = percentile(&latencies, 99.0);
    load.per_second = latencies.len() as f64 / span.as_secs_f64();
    Ok(load)
}

fn worker(address: SocketAddr, request: &[u8], span: Duration, gate: &Barrier) -> Share {
    let mut connection = Connection::open(address);
    gate.wait();
    let end = Instant::now() + span;
    let mut share = Share {
        latencies_ns: Vec::with_capacity(1 << 12),
        ..Share::default()
    };
    while Instant::now() < end && share.errors < ERRORS_MAX {
        let start = Instant::now();
        match connection
            .as_mut()
            .map_err(|error| anyhow!("{error:#}"))
            .and_then(|open| once(open, request))
        {
            Ok(()) => share
                .latencies_ns
                .push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)),
            Err(error) => {
                share.errors += 1;
                share.error.get_or_insert(format!("{error:#}"));
                connection = Connection::open(address);
            }
        }
    }
    share
}

fn once(connection: &mut Connection, request: &[u8]) -> anyhow::Result<()> {
    let (status, body) = connection.call(request)?;
    ensure!(
        status == 200,
        "answered {status}: {}",
        String::from_utf8_lossy(body)
    );
    Ok(())
}
