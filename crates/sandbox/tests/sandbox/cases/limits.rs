//! Limits that hold whatever a program does.

use lambkin_sandbox::{Event, Exit, Spec};

use crate::place;

const MEMORY_BYTES: u64 = 128 << 20;

pub(super) fn tmp_is_bounded_and_not_memory() {
    place::with(|place| async move {
        // In memory it is bounded just as well, but fills the function's memory where that is limited.
        let room = place.has_disks() || !place.has_groups();
        let mut inside = place
            .sandbox_of(Spec {
                memory_bytes: if room { MEMORY_BYTES } else { 1 << 30 },
                ..place.spec()
            })
            .await;
        inside
            .sh("head -c 400M /dev/zero > /tmp/most && echo written")
            .await;
        let (exit, text) = inside.run("head -c 200M /dev/zero > /tmp/rest").await;
        assert_ne!(exit, Exit::Code(0));
        assert!(text.contains("No space left"), "{text}");
        let usage = inside.sandbox.usage().expect("usage");
        assert_eq!(usage.oom_kills, 0);
        assert_eq!(inside.sh("rm /tmp/most; echo alive").await, "alive");
    });
}

pub(super) fn memory_is_bounded() {
    place::with(|place| async move {
        if !place.has_groups() {
            return;
        }
        let mut inside = place
            .sandbox_of(Spec {
                memory_bytes: MEMORY_BYTES,
                ..place.spec()
            })
            .await;
        inside
            .start("head -c 400M /dev/zero | tail -c 399M > /dev/null; exit $?")
            .await;
        assert_eq!(
            inside.sandbox.event().await,
            Event::Exited(Exit::Code(128 + 9))
        );
        let usage = inside.sandbox.usage().expect("usage");
        assert!(usage.oom_kills >= 1, "{usage:?}");
        assert!(usage.memory_peak_bytes > MEMORY_BYTES / 2, "{usage:?}");
        assert!(usage.cpu_us > 0, "{usage:?}");
        let (exit, text) = inside.run("head -c 300M /dev/zero > /dev/shm/x").await;
        assert!(
            exit != Exit::Code(0) && text.contains("No space left"),
            "{exit:?}: {text}"
        );
    });
}

pub(super) fn processes_are_bounded() {
    place::with(|place| async move {
        let mut inside = place
            .sandbox_of(Spec {
                processes_max: 20,
                ..place.spec()
            })
            .await;
        let (exit, text) = inside
            .run("for i in $(seq 60); do sleep 100 & done; echo all")
            .await;
        assert!(
            exit != Exit::Code(0) && text.contains("fork"),
            "{exit:?}: {text}"
        );
        assert_eq!(inside.sh("echo works again").await, "works again");
    });
}
