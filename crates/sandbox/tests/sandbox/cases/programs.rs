//! Programs: started, ended, killed, and their way out.

use std::collections::BTreeSet;
use std::time::Duration;

use lambkin_sandbox::{Event, Exit, Program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::outside;
use crate::place::{self, Place};

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
        inside
            .sh("echo 'echo no' >/tmp/nameless; chmod 755 /tmp/nameless")
            .await;
        let nameless = Program {
            argv: vec!["/tmp/nameless".into()],
            ..missing
        };
        inside.sandbox.start(&nameless).await.expect("a start");
        // ENOEXEC: no shell takes what the kernel does not.
        let failed = Event::StartFailed { errno: 8 };
        assert_eq!(inside.sandbox.event().await, failed);
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
        assert_eq!(inside.sh("echo on").await, "on");
    });
}

/// Those that are number 2 in their sandboxes.
fn second_processes(place: &Place) -> BTreeSet<u32> {
    let is_second = |pid: &u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let mut lines = status.lines();
        let numbers = lines.find_map(|line| line.strip_prefix("NSpid:"));
        numbers.is_some_and(|numbers| numbers.ends_with("\t2"))
    };
    let all = place.traces().processes;
    all.into_iter().filter(is_second).collect()
}

/// The process that is to become one is there before, and anything may happen to it.
pub(super) fn start_whatever_became_of_what_waited() {
    place::with(|place| async move {
        let mut killed = place.sandbox().await;
        killed.sandbox.kill_programs().await.expect("killed");
        assert_eq!(killed.sh("echo $$").await, "3");
        drop(killed);
        let mut bereft = place.sandbox().await;
        let mut waits = BTreeSet::new();
        outside::wait(Duration::from_secs(5), "it waits", || {
            waits = second_processes(&place);
            !waits.is_empty()
        });
        for pid in &waits {
            let pid = rustix::process::Pid::from_raw(*pid as i32).expect("a number");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a kill");
        }
        outside::wait(Duration::from_secs(5), "it is dead", || {
            !outside::any_alive(&waits)
        });
        assert_eq!(bereft.sh("echo $$").await, "3");
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
