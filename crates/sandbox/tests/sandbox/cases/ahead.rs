//! Sandboxes that are made before it is known for what.

use lambkin_sandbox::{Event, Exit, Program, Spec};

use crate::place;

/// Starts with an empty folder for the code, tells so, and does what it reads.
const WAITS: &str = "find /var/task -type f | wc -l; exec 3<&0 </dev/null; cd /var/task; sh -s <&3";

pub(super) fn code_comes_to_sandboxes_that_wait() {
    place::with(|place| async move {
        let code = place.code.clone();
        let spec = Spec {
            code: None,
            ..place.spec()
        };
        let mut inside = place.sandbox_of(spec).await;
        let program = Program {
            argv: ["/bin/sh", "-c", WAITS].map(str::to_owned).to_vec(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: "/".into(),
        };
        inside.sandbox.start_waiting(&program).await.expect("start");
        assert_eq!(inside.read_until("\n").await, "0");
        assert!(inside.sandbox.is_quiet());
        inside.sandbox.mount_code(&code).await.expect("code");
        let script = "cd /var/task; ls; echo x 2>&1 > new || echo read-only; grep ' /var/task ' /proc/self/mountinfo | \
                      grep -c 'ro,nosuid,nodev'; readlink /proc/self/fd/0 | cut -c1-4; echo =end=";
        inside
            .sandbox
            .give_input(script.as_bytes().to_vec())
            .await
            .expect("input");
        let told = inside.read_until("=end=\n").await;
        assert!(told.contains("hello.txt"), "{told}");
        assert!(told.contains("read-only\n1\npipe\n"), "{told}");
        let end = inside.sandbox.event().await;
        assert_eq!(end, Event::Exited(Exit::Code(0)));
        // What it leaves is a sandbox like any other, whose programs read nothing.
        assert_eq!(inside.sh("cat; ls /var/task").await.trim(), "hello.txt");
        inside
            .sandbox
            .give_input(b"lost".to_vec())
            .await
            .expect("input");
        assert_eq!(inside.sh("cat; echo well").await.trim(), "well");
    });
}

pub(super) fn code_comes_once_and_to_its_own_sandbox() {
    place::with(|place| async move {
        let code = place.code.clone();
        let ahead = || Spec {
            code: None,
            ..place.spec()
        };
        let (mut one, mut other) = (
            place.sandbox_of(ahead()).await,
            place.sandbox_of(ahead()).await,
        );
        one.sandbox.mount_code(&code).await.expect("code");
        assert!(one.sandbox.mount_code(&code).await.is_err());
        assert_eq!(one.sh("ls /var/task").await.trim(), "hello.txt");
        assert_eq!(other.sh("find /var/task -type f").await.trim(), "");
        let mut with_code = place.sandbox().await;
        assert!(with_code.sandbox.mount_code(&code).await.is_err());
        assert_eq!(with_code.sh("ls /var/task").await.trim(), "hello.txt");
    });
}
