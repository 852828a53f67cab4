//! Groups of the machine that the tests run on, where they may make some.

use super::*;
use std::process::{Child, Command};

const MEMORY_BYTES: u64 = 64 << 20;

fn hierarchy() -> Option<Hierarchy> {
    // Groups can be made by root and where they are delegated; elsewhere only the refusal can be tested.
    match Hierarchy::detect() {
        Ok((hierarchy, _)) => Some(hierarchy),
        Err(error) => {
            assert!(!crate::is_root(), "root can make groups: {error}");
            None
        }
    }
}

fn sleeper() -> (Child, Pid) {
    let child = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = Pid::from_child(&child);
    (child, pid)
}

fn remove(group: &Group) {
    for _ in 0..1_000 {
        if group.remove().is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("the group stays");
}

#[test]
fn a_group_is_measured_limited_killed_and_removed() {
    let Some(mut hierarchy) = hierarchy() else {
        return;
    };
    let limits = Limits {
        memory_bytes: MEMORY_BYTES,
        processes_max: 16,
    };
    let group = hierarchy.create(&limits).unwrap();
    let (mut child, pid) = sleeper();
    group.attach(pid).unwrap();
    let meter = Meter::from_descriptors(group.meter().unwrap().into_descriptors())
        .unwrap()
        .unwrap();
    meter.set_cpu_limit(Some(72)).unwrap();
    meter.set_cpu_limit(None).unwrap();
    assert_eq!(meter.usage().unwrap().oom_kills, 0);
    assert!(
        group.remove().is_err(),
        "a group with a process in it cannot be removed"
    );
    group.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    remove(&group);
}
