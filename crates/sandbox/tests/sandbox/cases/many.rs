//! Many sandboxes, and sandboxes that nobody takes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::outside::wait;
use crate::place;

const MANY: usize = 40;

pub(super) fn forty_at_once_leave_nothing() {
    place::with(|place| async move {
        let spec = place.spec();
        let mut creations = tokio::task::JoinSet::new();
        for _ in 0..MANY {
            let (spawner, code) = (place.spawner.clone(), spec.code.clone());
            let spec = lambkin_sandbox::Spec {
                code,
                ..place.spec()
            };
            creations.spawn(async move { spawner.create(&spec).await });
        }
        let made = creations.join_all().await;
        let sandboxes: Vec<_> = made
            .into_iter()
            .map(|one| one.expect("a sandbox"))
            .collect();
        let traces = place.traces();
        assert_eq!(traces.processes.len(), MANY);
        let disks = if place.has_disks() { MANY } else { 0 };
        assert!(traces.loops.len() >= disks, "{traces:?}");
        let uids: BTreeSet<u32> = traces.processes.iter().map(|pid| uid(*pid)).collect();
        let users = if place.has_users() { MANY } else { 1 };
        assert_eq!(uids.len(), users, "each has a user of its own");
        let groups = traces.groups.len();
        for sandbox in sandboxes {
            sandbox.destroy().await;
        }
        let traces = place.traces();
        assert!(traces.processes.is_empty(), "{traces:?}");
        assert!(
            groups == 0 || traces.groups.len() + MANY <= groups,
            "{traces:?}"
        );
        assert!(
            traces.loops.len() <= 4,
            "only what is kept ready: {traces:?}"
        );
    });
}

fn uid(pid: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let uids = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .expect("uids");
    uids.split_whitespace()
        .next()
        .and_then(|uid| uid.parse().ok())
        .expect("a number")
}

pub(super) fn a_sandbox_for_nobody_is_destroyed() {
    place::with(|place| async move {
        for patience in [0, 500, 1000, 2000, 4000] {
            let spec = place.spec();
            let creation = place.spawner.create(&spec);
            drop(tokio::time::timeout(Duration::from_micros(patience), creation).await);
        }
        wait(Duration::from_secs(5), "nothing is left", || {
            place.traces().processes.is_empty()
        });
        place.sandbox().await.sh("true").await;
    });
}

/// Prints how long a creation takes; compared with other figures of the same run.
pub(super) fn measure() {
    const ROUNDS: usize = 200;
    place::with(|place| async move {
        let spec = place.spec();
        let (mut created, mut destroyed) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let sandbox = place.spawner.create(&spec).await.expect("a sandbox");
            created.push(start.elapsed());
            let start = Instant::now();
            sandbox.destroy().await;
            destroyed.push(start.elapsed());
        }
        for (what, times) in [("create", &mut created), ("destroy", &mut destroyed)] {
            times.sort();
            println!(
                "{what}: p50 {:?} p90 {:?}",
                times[ROUNDS / 2],
                times[ROUNDS * 9 / 10]
            );
        }
    });
}
