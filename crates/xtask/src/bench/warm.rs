//! Warm invokes: latency at one connection, throughput at 1, 8 and 64, each beside the echo of its round.

use std::fmt::Write;
use std::time::Duration;

use super::deploy::Function;
use super::echo::Echo;
use super::load::{self, Load};
use super::server::Server;
use super::statistics::{median, median_ratio};

const CONNECTIONS: [usize; 3] = [1, 8, 64];

/// The figures of one function (or the echo) at one number of connections, a value per round.
#[derive(Default)]
struct Series {
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    per_second: Vec<f64>,
}

impl Series {
    fn push(&mut self, load: &Load) {
        self.p50_us.push(load.p50_us);
        self.p99_us.push(load.p99_us);
        self.per_second.push(load.per_second);
    }
}

/// Measures every function in interleaved rounds and returns the table.
pub(super) fn measure(
    server: &Server,
    functions: &[Function],
    rounds: u32,
    span: Duration,
) -> anyhow::Result<String> {
    let echo = Echo::start()?;
    let mut table = String::from(
        "warm invoke                conns   p50 µs   p99 µs    req/s   p50/echo  req/s/echo\n",
    );
    for connections in CONNECTIONS {
        let mut floor = Series::default();
        let mut series: Vec<Series> = functions.iter().map(|_| Series::default()).collect();
        for _ in 0..rounds {
            floor.push(&load::run(
                echo.address,
                &Echo::request(),
                connections,
                span,
            )?);
            for (function, series) in functions.iter().zip(&mut series) {
                let request = function.invoke_request(server)?;
                warm_up(server, &request, connections)?;
                series.push(&load::run(server.address, &request, connections, span)?);
            }
        }
        row(&mut table, "bare hyper echo", connections, &floor, &floor);
        for (function, series) in functions.iter().zip(&series) {
            row(&mut table, &function.label, connections, series, &floor);
        }
    }
    Ok(table)
}

/// Environments for every connection exist before the clock starts.
fn warm_up(server: &Server, request: &[u8], connections: usize) -> anyhow::Result<()> {
    load::run(
        server.address,
        request,
        connections,
        Duration::from_millis(300),
    )
    .map(drop)
}

fn row(table: &mut String, label: &str, connections: usize, series: &Series, floor: &Series) {
    let _ = writeln!(
        table,
        "{label:<26} {connections:>5} {:>8.0} {:>8.0} {:>8.0} {:>10.2} {:>11.2}",
        median(&series.p50_us),
        median(&series.p99_us),
        median(&series.per_second),
        median_ratio(&series.p50_us, &floor.p50_us),
        median_ratio(&series.per_second, &floor.per_second),
    );
}
