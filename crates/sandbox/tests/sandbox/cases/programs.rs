//! Programs: started, ended, killed, and their way out.

use lambkin_sandbox::{Event, Exit, Program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::place;

pub(super) fn run_and_their_ends_are_told() {
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        assert_eq!(inside.sh("cat hello.txt").await, "hi");
        assert_eq!(
            inside.run("echo out; echo err >&2; exit 7").await.0,
            Exit::Code(7)
        );
        inside.start("kill -9 $$").await;
        assert_eq!(inside.sandbox.event().await, Event::Exited(Exit::Signal(9)));
        let missing = Program {
            argv: vec!["/var/task/missing".into()],
            env: Vec::new(),
            cwd: "/".into(),
        };
        inside.sandbox.start(&missing).await.expect("a start");
        assert_eq!(
            inside.sandbox.event().await,
            Event::StartFailed { errno: 2 }
        );
        assert_eq!(inside.sh("echo still here").await, "still here");
    });
}

pub(super) fn kill_keeps_the_sandbox() {
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        inside.sh("echo kept > /tmp/file").await;
        inside
            .start("sleep 1000 & setsid sleep 1000 & echo; echo =up=; wait")
            .await;
        inside.read_until("\n=up=\n").await;
        inside.sandbox.kill_programs().await.expect("killed");
        assert_eq!(inside.sandbox.event().await, Event::Exited(Exit::Signal(9)));
        assert_eq!(inside.sh("cat /tmp/file").await, "kept");
        let left = inside
            .sh("for p in /proc/[0-9]*; do cat $p/cmdline; done | tr '\\0' ' '")
            .await;
        assert!(!left.contains("sleep"), "{left}");
        inside
            .sandbox
            .kill_programs()
            .await
            .expect("nothing to kill is fine");
    });
}

pub(super) fn reach_the_runtime_api() {
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        let listener = inside.sandbox.take_listener().expect("a listener");
        assert!(inside.sandbox.take_listener().is_none());
        let serve = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 5];
            stream.read_exact(&mut request).await.expect("a request");
            stream.write_all(b"pong\n").await.expect("an answer");
            request
        });
        let talk = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/9001; printf ping! >&3; head -n1 <&3'";
        assert_eq!(inside.sh(talk).await, "pong");
        assert_eq!(&serve.await.expect("served"), b"ping!");
    });
}
