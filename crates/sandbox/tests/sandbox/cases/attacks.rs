//! Code that wants out, code that wants everything, and what is left of them.

use std::time::Duration;

use lambkin_sandbox::{Event, Exit};

use rustix::process::{Pid, Signal, kill_process};

use crate::outside::wait;
use crate::place::{self, Place};

/// Images of /tmp that the spawner keeps ready.
const READY_MAX: usize = 4;

/// What costs other environments nothing: the sandbox is there afterwards, or gone, in time and whole.
pub(super) fn bombs_hurt_only_themselves() {
    const BOMBS: &[(&str, &str)] = &[
        (
            "processes",
            "bomb() { bomb | bomb & }; while :; do bomb; done",
        ),
        (
            "files",
            "cd /tmp; i=0; while :; do i=$((i+1)); mkdir d$i && : > d$i/f || exit; done",
        ),
        (
            "links",
            "cd /tmp; i=0; while ln -s x l$i; do i=$((i+1)); done",
        ),
        (
            "memory files",
            "while :; do head -c 9M /dev/zero > /dev/shm/$$.$RANDOM; done",
        ),
        ("output", "yes"),
        ("stops", "kill -STOP 1; kill -STOP -1"),
    ];
    place::with(|place| async move {
        for (name, bomb) in BOMBS {
            let inside = place.sandbox().await;
            inside.start(&format!("({bomb}) 2>/dev/null")).await;
            tokio::time::sleep(Duration::from_millis(700)).await;
            let killed =
                tokio::time::timeout(Duration::from_secs(5), inside.sandbox.kill_programs());
            killed.await.expect(name).expect(name);
            assert!(
                matches!(inside.sandbox.event().await, Event::Exited(_)),
                "{name}"
            );
            let mut other = place.sandbox().await;
            assert_eq!(other.sh("echo fine").await, "fine", "{name}");
            inside.sandbox.destroy().await;
            other.sandbox.destroy().await;
            assert!(place.traces().processes.is_empty(), "{name}");
        }
    });
}

/// By a signal that has no name; pid 1 tells this end like any other.
pub(super) fn real_time_signals_are_ends_too() {
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        inside.start("setsid sleep 1000 & kill -40 $$").await;
        let end = tokio::time::timeout(Duration::from_secs(5), inside.sandbox.event());
        let end = end.await.expect("the end is told");
        assert_eq!(end, Event::Exited(Exit::Signal(40)));
        let left = inside.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").await;
        assert!(!left.contains("sleep"), "{left}");
        // An orphan that ends by one stops nothing either.
        inside
            .start("(setsid sh -c 'kill -41 $$' &); sleep 0.2; exit 3")
            .await;
        assert_eq!(inside.sandbox.event().await, Event::Exited(Exit::Code(3)));
    });
}

/// As any program does with its standard output and error, by their names.
pub(super) fn the_log_is_reached_by_its_names() {
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        let text = inside
            .sh("echo one > /dev/stdout; echo two > /dev/stderr; echo three | tee /dev/fd/2")
            .await;
        assert_eq!(text, "one\ntwo\nthree\nthree");
    });
}

/// Killed at any stage, by somebody else than the spawner.
pub(super) fn a_killed_pid_1_leaves_nothing() {
    place::with(|place| async move {
        for _ in 0..5 {
            let inside = place.sandbox().await;
            inside.start("while :; do :; done").await;
            kill_all(&place);
            assert_eq!(inside.sandbox.event().await, Event::Gone);
            inside.sandbox.destroy().await;
        }
        let spec = place.spec();
        for round in 0..20 {
            let creation = place.spawner.create(&spec);
            tokio::pin!(creation);
            let patience = Duration::from_micros(200 * round);
            let early = tokio::time::timeout(patience, &mut creation).await;
            kill_all(&place);
            // Made or failed: either is right, if nothing is left of it.
            match early {
                Ok(made) => drop(made),
                Err(_) => drop(creation.await),
            }
        }
        wait(Duration::from_secs(5), "nothing is left", || {
            let traces = place.traces();
            traces.processes.is_empty() && traces.loops.len() <= READY_MAX
        });
        place.sandbox().await.sh("true").await;
    });
}

/// Kills what runs as any user of this case's sandboxes.
fn kill_all(place: &Place) {
    for pid in place.traces().processes {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // It may have ended by itself.
        let _ = kill_process(pid.expect("a process"), Signal::KILL);
    }
}
