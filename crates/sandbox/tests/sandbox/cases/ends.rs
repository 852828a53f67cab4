//! Whatever ends first, nothing is left behind.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use lambkin_sandbox::{Error, Event, SpawnerProcess};
use rustix::process::{Pid, Signal, kill_process};

use crate::mode::Mode;
use crate::outside::{Traces, any_alive, wait};
use crate::place;

pub(super) fn of_the_server() {
    let program = std::env::current_exe().expect("this program");
    let mut server = Command::new(program)
        .args(["__case", Mode::own().name(), "a_server_to_be_killed"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let mut line = String::new();
    let output = server.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let (folder, spawner) = line.trim().split_once(' ').expect("two words");
    let (folder, spawner) = (
        std::path::Path::new(folder),
        spawner.parse().expect("a number"),
    );
    let uids = place::uids(server.id());
    let traces = || Traces::of(folder, spawner, uids.clone());
    let before = traces().processes;
    assert!(before.len() >= 5);
    server.kill().expect("killed");
    server.wait().expect("reaped");
    wait(Duration::from_millis(1500), "no trace is left", || {
        traces().is_empty()
            && !any_alive(&before)
            && !std::path::Path::new(&format!("/proc/{spawner}/exe")).exists()
    });
    std::fs::remove_dir_all(folder).expect("nothing is mounted in the folder");
}

pub(super) fn a_server_to_be_killed() {
    place::with(|place| async move {
        let mut all = Vec::new();
        for _ in 0..5 {
            let inside = place.sandbox().await;
            inside.start("while true; do :; done").await;
            all.push(inside);
        }
        println!("{} {}", place.folder.path().display(), place.pid);
        std::future::pending::<()>().await;
    });
}

pub(super) fn of_the_spawner() {
    place::with(|place| async move {
        let inside = place.sandbox().await;
        inside.start("while true; do :; done").await;
        let before = place.traces().processes;
        signal(place.pid, Signal::KILL);
        place.spawner.gone().await;
        assert_eq!(inside.sandbox.event().await, Event::Gone);
        assert!(matches!(
            place.spawner.create(&place.spec()).await,
            Err(Error::SpawnerGone)
        ));
        inside.sandbox.destroy().await;
        wait(Duration::from_millis(1500), "no process is left", || {
            let traces = place.traces();
            traces.processes.is_empty() && traces.loops.is_empty() && !any_alive(&before)
        });
    });
}

/// A spawner that hangs, or a process that the kernel cannot end, holds up whoever waits for an end for a minute.
pub(super) fn nobody_waits_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let process = SpawnerProcess::start(&place::config(&folder)).expect("a spawner");
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    place::serve_on(&mut runtime, process, folder, |place| async move {
        let sandbox = place.sandbox().await.sandbox;
        let stopped = Stopped::new(place.pid);
        tokio::time::pause();
        sandbox.destroy().await;
        tokio::time::resume();
        drop(stopped);
        wait(Duration::from_secs(5), "it goes on alone", || {
            place.traces().processes.is_empty()
        });
        place.sandbox().await.sh("true").await;
    });
}

/// Goes on when this is dropped, as it would not hear that its server has ended.
struct Stopped(u32);

impl Stopped {
    fn new(process: u32) -> Self {
        signal(process, Signal::STOP);
        Self(process)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.0, Signal::CONT);
    }
}

fn signal(process: u32, signal: Signal) {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process"), signal).expect("signalled");
}
