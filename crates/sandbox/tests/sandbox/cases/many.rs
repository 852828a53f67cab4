//! Many sandboxes, and sandboxes that nobody takes.

use std::collections::BTreeSet;
use std::time::Duration;

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
        // In each pid 1, and soon the process that waits to become a program.
        let processes = traces.processes.len();
        assert!((MANY..=2 * MANY).contains(&processes), "{processes}");
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

/// Disks that are kept ready of each size.
const READY_OF_A_SIZE: usize = 4;

pub(super) fn disks_of_several_sizes_are_kept_ready() {
    place::with(|place| async move {
        if !place.has_disks() {
            return;
        }
        for tmp_mb in [600, 700] {
            let sandbox = place.sandbox_of(lambkin_sandbox::Spec {
                tmp_bytes: tmp_mb << 20,
                ..place.spec()
            });
            sandbox.await.sandbox.destroy().await;
        }
        let wanted = 3 * READY_OF_A_SIZE;
        wait(Duration::from_secs(5), "with the trial's, three", || {
            place.traces().loops.len() == wanted
        });
        let sandbox = place.sandbox_of(lambkin_sandbox::Spec {
            tmp_bytes: 800 << 20,
            ..place.spec()
        });
        let inside = sandbox.await;
        wait(Duration::from_secs(5), "the oldest give way", || {
            place.traces().loops.len() == wanted + 1
        });
        inside.sandbox.destroy().await;
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

/// What one process of the machine holds.
#[derive(Debug)]
struct Held {
    descriptors: usize,
    mounts: usize,
    memory_kib: usize,
}

impl Held {
    fn by(pid: u32) -> Self {
        let read = |file: &str| {
            std::fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a file of /proc")
        };
        let status = read("status");
        let memory = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .and_then(|line| line.split_whitespace().next()?.parse().ok());
        // While the spawner clones it is in its other name space, which has two.
        let mounts = (0..20).map(|_| {
            std::thread::sleep(Duration::from_millis(1));
            read("mountinfo").lines().count()
        });
        Self {
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd"))
                .expect("descriptors")
                .count(),
            mounts: mounts.max().unwrap_or(0),
            memory_kib: memory.expect("a number"),
        }
    }

    fn assert_not_above(&self, before: &Self) {
        assert!(
            self.descriptors <= before.descriptors + READY
                && self.mounts <= before.mounts + READY
                && self.memory_kib <= before.memory_kib + GROWTH_KIB,
            "{before:?} became {self:?}"
        );
    }
}

/// Sandboxes, and how many of them are on their way at a time. LAMBKIN_TEST_SANDBOXES is for slow machines.
const TEN_THOUSAND: usize = 10_000;
const AT_ONCE: usize = 16;
/// After a tenth of them every pool, cache and allocator has what it keeps.
const WARM_UP: usize = 10;
/// Disks that are kept ready for the next sandboxes.
const READY: usize = 8;
/// Less than half a byte for each sandbox that has been.
const GROWTH_KIB: usize = 4_096;

pub(super) fn ten_thousand_leave_nothing() {
    let count = std::env::var("LAMBKIN_TEST_SANDBOXES")
        .ok()
        .map_or(TEN_THOUSAND, |count| count.parse().expect("a number"));
    place::with(|place| async move {
        let mut before = None;
        let mut work = tokio::task::JoinSet::new();
        for number in 0..count {
            if work.len() == AT_ONCE {
                work.join_next().await.expect("one").expect("a sandbox");
            }
            let (spawner, spec) = (place.spawner.clone(), place.spec());
            work.spawn(async move {
                let sandbox = spawner.create(&spec).await.expect("a sandbox");
                sandbox.destroy().await;
            });
            if number == count / WARM_UP {
                before = Some([std::process::id(), place.pid].map(Held::by));
            }
        }
        work.join_all().await;
        let traces = place.traces();
        assert!(traces.processes.is_empty(), "{traces:?}");
        assert!(traces.loops.len() <= READY, "{traces:?}");
        // The spawner's own, and no sandbox's.
        let of_sandboxes = |path: &&String| path.ends_with(|end: char| end.is_ascii_digit());
        let name = format!("lambkin-{}", place.pid);
        let left: Vec<_> = traces
            .groups
            .iter()
            .filter(of_sandboxes)
            .filter(|path| !path.ends_with(&name))
            .collect();
        assert!(left.is_empty(), "{left:?}");
        let after = [std::process::id(), place.pid].map(Held::by);
        for (before, after) in before.expect("a first look").iter().zip(&after) {
            after.assert_not_above(before);
        }
    });
}
