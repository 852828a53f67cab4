//! Cold starts: the first invoke of a function that was never invoked, beside a bare interpreter start.

use std::fmt::Write;
use std::time::Instant;

use super::connection::Connection;
use super::deploy::{self, Language};
use super::floors::Floor;
use super::server::Server;
use super::statistics::{median, median_ratio};

/// First invokes measured in each round; their median is the round's figure.
const STARTS_PER_ROUND: usize = 5;

/// Measures every language at full and at small memory and returns the table.
pub(super) fn measure(server: &Server, rounds: u32) -> anyhow::Result<String> {
    let mut table =
        String::from("\ncold start                 first invoke ms   floor ms   ratio   floor\n");
    for language in Language::ALL {
        for memory_mb in [1_769, 128] {
            let floor = floor(server, language)?;
            let (mut starts, mut floors) = (Vec::new(), Vec::new());
            for round in 0..rounds {
                floors.push(repeat(|_| floor.run_ms())?);
                starts.push(repeat(|n| {
                    first_invoke_ms(
                        server,
                        language,
                        memory_mb,
                        round as usize * STARTS_PER_ROUND + n,
                    )
                })?);
            }
            let _ = writeln!(
                table,
                "{:<26} {:>15.2} {:>10.2} {:>7.2}   {}",
                format!("{} {memory_mb} MB", language.name()),
                median(&starts),
                median(&floors),
                median_ratio(&starts, &floors),
                language.floor_name(),
            );
        }
    }
    Ok(table)
}

fn floor(server: &Server, language: Language) -> anyhow::Result<Floor> {
    match language {
        Language::Python => Floor::interpreter(server, language, &["-c", "pass"]),
        Language::Node => Floor::interpreter(server, language, &["-e", "0"]),
        Language::Rust => Ok(Floor::program(&deploy::static_true()?)),
    }
}

fn repeat(mut once: impl FnMut(usize) -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let times: anyhow::Result<Vec<f64>> = (0..STARTS_PER_ROUND).map(&mut once).collect();
    Ok(median(&times?))
}

fn first_invoke_ms(
    server: &Server,
    language: Language,
    memory_mb: u32,
    number: usize,
) -> anyhow::Result<f64> {
    let name = format!("cold-{}-{memory_mb}-{number}", language.name());
    let function = deploy::function(server, language, &name, memory_mb)?;
    let request = function.invoke_request(server)?;
    let mut connection = Connection::open(server.address)?;
    let start = Instant::now();
    let (status, body) = connection.call(&request)?;
    let took = start.elapsed().as_secs_f64() * 1_000.0;
    anyhow::ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(body));
    deploy::delete(server, &name)?;
    Ok(took)
}
