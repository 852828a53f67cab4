//! Memory of an idle environment: the proportional set size of its processes.

use std::fmt::Write;
use std::fs;

use super::connection::Connection;
use super::deploy::Function;
use super::server::Server;

/// Measures the idle environments that the warm rounds left, per function, and returns the table.
pub(super) fn measure(server: &Server, functions: &[Function]) -> anyhow::Result<String> {
    let mut table = String::from("\nmemory                     MiB (proportional set size)\n");
    let _ = writeln!(table, "{:<26} {:>6.1}", "server", mib(&[server.pid()]));
    for function in functions {
        let mut connection = Connection::open(server.address)?;
        connection.call(&function.invoke_request(server)?)?;
    }
    let sandboxes = descendants(server.pid());
    let heads: Vec<u32> = sandboxes
        .iter()
        .copied()
        .filter(|pid| is_first_process(*pid))
        .collect();
    let all: Vec<u32> = sandboxes
        .iter()
        .copied()
        .filter(|pid| *pid != server.pid())
        .collect();
    let mean = mib(&all) / heads.len().max(1) as f64;
    let label = format!("idle environment (of {})", heads.len());
    let _ = writeln!(table, "{label:<26} {mean:>6.1}");
    Ok(table)
}

fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        found.extend(
            children
                .unwrap_or_default()
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    found
}

/// Whether the process is pid 1 of a name space of its own.
fn is_first_process(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let inner = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    inner.is_some_and(|ids| ids.split_whitespace().count() > 1 && ids.trim_end().ends_with("\t1"))
}

fn mib(pids: &[u32]) -> f64 {
    let kib: u64 = pids.iter().map(|pid| pss_kib(*pid)).sum();
    kib as f64 / 1_024.0
}

fn pss_kib(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or_default()
}
