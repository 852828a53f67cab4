//! Sandboxes that are made before it is known for what.

use lambkin_sandbox::{Event, Exit, Input, Program, Spec};

use crate::place::{self, Inside, Place};

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
        let script = "cd /var/task; ls; echo x 2>&1 > new || echo read-only; grep ' /var/task ' /proc/self/mountinfo | \
                      grep -c 'ro,nosuid,nodev'; readlink /proc/self/fd/0 | cut -c1-4; echo =end=";
        let given = inside
            .sandbox
            .mount_code(&code, Input::Bytes(script.into()))
            .await;
        given.expect("code and input");
        let told = inside.read_until("=end=\n").await;
        assert!(told.contains("hello.txt"), "{told}");
        assert!(told.contains("read-only\n1\npipe\n"), "{told}");
        let end = inside.sandbox.event().await;
        assert_eq!(end, Event::Exited(Exit::Code(0)));
        // What it leaves is a sandbox like any other, whose programs read nothing.
        assert_eq!(inside.sh("cat; ls /var/task").await.trim(), "hello.txt");
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
        let once = one.sandbox.mount_code(&code, Input::None).await;
        once.expect("code");
        let twice = one.sandbox.mount_code(&code, Input::None).await;
        assert!(twice.is_err());
        assert_eq!(one.sh("ls /var/task").await.trim(), "hello.txt");
        assert_eq!(other.sh("find /var/task -type f").await.trim(), "");
        let mut with_code = place.sandbox().await;
        let more = with_code.sandbox.mount_code(&code, Input::None).await;
        assert!(more.is_err());
        assert_eq!(with_code.sh("ls /var/task").await.trim(), "hello.txt");
    });
}

pub(super) fn a_process_waits_to_be_told_what_it_becomes() {
    place::with(|place| async move {
        let mut inside = awaiting(&place).await;
        let script = "ls; tr '\\0' ' ' </proc/self/environ; cat; echo; kill -9 $$";
        let program = shell(script);
        let given = Input::Program(&program);
        let told = inside.sandbox.mount_code(&place.code, given).await;
        told.expect("code and program");
        let text = inside.read_until("PATH=/usr/bin:/bin \n").await;
        assert!(text.starts_with("hello.txt\n"), "{text}");
        let end = inside.sandbox.event().await;
        assert_eq!(end, Event::Exited(Exit::Signal(9)));
        assert_eq!(inside.sh("ls").await.trim(), "hello.txt");

        let inside = awaiting(&place).await;
        let nothing = Program {
            argv: vec!["/var/task/nothing".into()],
            ..shell("")
        };
        let program = nothing;
        let given = Input::Program(&program);
        let told = inside.sandbox.mount_code(&place.code, given).await;
        told.expect("code and program");
        // ENOENT.
        let failed = Event::StartFailed { errno: 2 };
        assert_eq!(inside.sandbox.event().await, failed);

        let inside = awaiting(&place).await;
        inside.sandbox.kill_programs().await.expect("its end");
        let end = inside.sandbox.event().await;
        assert_eq!(end, Event::Exited(Exit::Signal(9)));
        let program = shell("");
        let given = Input::Program(&program);
        let told = inside.sandbox.mount_code(&place.code, given).await;
        assert!(told.is_err());
    });
}

async fn awaiting(place: &Place) -> Inside {
    let spec = Spec {
        code: None,
        ..place.spec()
    };
    let inside = place.sandbox_of(spec).await;
    inside.sandbox.await_program().await.expect("a process");
    assert!(inside.sandbox.is_quiet());
    inside
}

fn shell(script: &str) -> Program {
    Program {
        argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        cwd: "/var/task".into(),
    }
}
