//! Limits that the machine sets for the server itself.

use std::fs;

use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::settings::Settings;

const SUBJECT: &str = "limits";
/// Of the server, for each environment and the connection that invokes it.
const DESCRIPTORS_PER_ENVIRONMENT: u64 = 10;
/// Processes of the machine for each environment: pid 1, the runtime and its threads.
const PROCESSES_PER_ENVIRONMENT: u64 = 16;

pub(super) fn check(settings: &Settings) -> [Finding; 2] {
    [descriptors(settings), processes(settings)]
}

fn descriptors(settings: &Settings) -> Finding {
    let wanted = u64::from(settings.concurrency) * DESCRIPTORS_PER_ENVIRONMENT;
    let allowed = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let found = format!("{allowed} descriptors for a process");
    match allowed >= wanted {
        true => Finding::good(SUBJECT, found),
        false => Finding::missing(
            SUBJECT,
            format!(
                "{found}; {} environments at once may need {wanted}",
                settings.concurrency
            ),
            format!("ulimit -Hn {wanted}, or LimitNOFILE={wanted} in the unit"),
        ),
    }
}

fn processes(settings: &Settings) -> Finding {
    let wanted = u64::from(settings.concurrency) * PROCESSES_PER_ENVIRONMENT;
    let read = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let allowed = read("/proc/sys/kernel/pid_max").unwrap_or(0);
    let found = format!("{allowed} processes and threads for the machine");
    match allowed >= wanted {
        true => Finding::good(SUBJECT, found),
        false => Finding::missing(
            SUBJECT,
            format!(
                "{found}; {} environments at once may need {wanted}",
                settings.concurrency
            ),
            format!("sysctl -w kernel.pid_max={}", wanted.next_power_of_two()),
        ),
    }
}
