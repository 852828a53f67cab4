//! A spawner in a temporary folder, and short ways to what the cases do most.

use std::borrow::Borrow;
use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lambkin_sandbox::{
    CodeTree, Error, Event, Exit, Input, Lineage, Program, Root, Sandbox, Spawner, SpawnerConfig,
    SpawnerProcess, Spec, UnpackLimits,
};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;

use crate::outside::Traces;

/// User ids of the sandboxes of one process of these tests: several may run at a time.
pub(crate) fn uids(process: u32) -> std::ops::Range<u32> {
    let first = 100_000_000 + process * 100;
    first..first + 100
}

pub(crate) const LIMITS: UnpackLimits = UnpackLimits {
    bytes_max: 64 << 20,
    entries_max: 1000,
    timeout: Duration::from_secs(20),
};

/// For what a creation that was late has left.
const GONE_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Place {
    pub(crate) spawner: Spawner,
    pub(crate) code: CodeTree,
    pub(crate) missing: Vec<lambkin_sandbox::Missing>,
    pub(crate) folder: TempDir,
    /// Process number of the spawner.
    pub(crate) pid: u32,
}

pub(crate) fn config(folder: &TempDir) -> SpawnerConfig {
    SpawnerConfig {
        work_dir: folder.path().join("sandbox"),
        server: None,
        uids: uids(std::process::id()),
        datagrams: false,
    }
}

/// Runs a case with a spawner and one package, `hello.txt`.
pub(crate) fn with<F: Future<Output = ()>>(case: impl FnOnce(Place) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let process = SpawnerProcess::start(&config(&folder)).expect("a spawner");
    serve(process, folder, case);
}

/// The same with a spawner that is there already.
pub(crate) fn serve<F: Future<Output = ()>>(
    process: SpawnerProcess,
    folder: TempDir,
    case: impl FnOnce(Place) -> F,
) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    serve_on(runtime.worker_threads(2), process, folder, case);
}

/// The same on a runtime of the case's choice.
pub(crate) fn serve_on<F: Future<Output = ()>>(
    runtime: &mut tokio::runtime::Builder,
    process: SpawnerProcess,
    folder: TempDir,
    case: impl FnOnce(Place) -> F,
) {
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let missing = process.missing().to_vec();
        let pid = spawner_pid();
        let spawner = process.connect().expect("a handle");
        let package = zip(&[("hello.txt", b"hi")]);
        let code = spawner
            .unpack(&package, LIMITS)
            .await
            .expect("an unpacked package");
        let work = case(Place {
            spawner,
            code,
            missing,
            folder,
            pid,
        });
        tokio::time::timeout(Duration::from_secs(300), work)
            .await
            .expect("a case ends");
    });
}

/// This process has one child.
pub(crate) fn spawner_pid() -> u32 {
    let children = std::fs::read_to_string("/proc/thread-self/children").expect("children");
    children.trim().parse().expect("one child")
}

pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        writer.start_file(*name, options).expect("an entry");
        writer.write_all(content).expect("its content");
    }
    writer.finish().expect("a zip").into_inner()
}

impl Place {
    pub(crate) fn traces(&self) -> Traces {
        Traces::of(self.folder.path(), self.pid, uids(std::process::id()))
    }

    /// Whether memory and CPU are limited; the start has told if not.
    pub(crate) fn has_groups(&self) -> bool {
        !self.lacks("not limited")
    }

    /// Whether /tmp lies on a disk and not in memory.
    pub(crate) fn has_disks(&self) -> bool {
        !self.lacks("/tmp is charged")
    }

    /// Whether each sandbox has a user of its own.
    pub(crate) fn has_users(&self) -> bool {
        !self.lacks("one user")
    }

    fn lacks(&self, what: &str) -> bool {
        self.missing.iter().any(|one| one.what.contains(what))
    }

    pub(crate) fn spec(&self) -> Spec<'static> {
        Spec {
            root: Root::default(),
            code: Some(self.code.clone()),
            memory_bytes: 256 << 20,
            tmp_bytes: 512 << 20,
            processes_max: 100,
            lineage: Lineage::Alone,
        }
    }

    pub(crate) async fn sandbox(&self) -> Inside {
        self.sandbox_of(self.spec()).await
    }

    /// Made without its code, which is mounted when it stands.
    pub(crate) async fn sandbox_made_ahead(&self, spec: Spec<'_>) -> Inside {
        let code = spec.code.clone().expect("code");
        let inside = self.sandbox_of(Spec { code: None, ..spec }).await;
        let mounted = inside.sandbox.mount_code(&code, Input::None).await;
        mounted.expect("its code");
        inside
    }

    pub(crate) async fn sandbox_of(&self, spec: Spec<'_>) -> Inside {
        let mut sandbox = self.created(&spec).await;
        let output = sandbox.take_output().expect("its output");
        Inside { sandbox, output }
    }

    async fn created(&self, spec: &Spec<'_>) -> Sandbox {
        self.try_create(spec).await.expect("a sandbox")
    }

    /// What one that is late leaves is gone before the next.
    pub(crate) async fn try_create(&self, spec: &Spec<'_>) -> Result<Sandbox, Error> {
        let mut patience = Patience::new();
        loop {
            let before = patience.is_left().then(|| self.traces());
            let created = self.spawner.create(spec).await;
            if !patience.bears(&created) {
                return created;
            }
            if let Some(before) = before {
                self.leaves_again(&before).await;
            }
        }
    }

    /// Resolves when there is no more than before.
    async fn leaves_again(&self, before: &Traces) {
        let began = Instant::now();
        loop {
            let now = self.traces();
            if now.processes.is_subset(&before.processes) && now.groups.is_subset(&before.groups) {
                return;
            }
            assert!(began.elapsed() < GONE_TIMEOUT, "{now:?} and not {before:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Creations and clones have milliseconds, whatever the machine: LAMBKIN_TEST_LATE, for emulated ones, is how often one
/// may be late before it is in time.
pub(crate) struct Patience(u32);

impl Patience {
    pub(crate) fn new() -> Self {
        let late_max = std::env::var("LAMBKIN_TEST_LATE").ok();
        Self(late_max.map_or(0, |count| count.parse().expect("a count")))
    }

    fn is_left(&self) -> bool {
        self.0 > 0
    }

    /// Whether that was late and may be done again.
    pub(crate) fn bears<T>(&mut self, done: &Result<T, Error>) -> bool {
        match done {
            Err(Error::Creation { step, source })
                if source.kind() == ErrorKind::TimedOut && self.is_left() =>
            {
                println!("  too late: {step}");
                self.0 -= 1;
                true
            }
            _ => false,
        }
    }
}

pub(crate) struct Inside<S = Sandbox> {
    pub(crate) sandbox: S,
    pub(crate) output: tokio::net::unix::pipe::Receiver,
}

impl Inside {
    /// For a case that has somebody else talk with the sandbox too.
    pub(crate) fn shared(self) -> Inside<Arc<Sandbox>> {
        Inside {
            sandbox: Arc::new(self.sandbox),
            output: self.output,
        }
    }
}

impl<S: Borrow<Sandbox>> Inside<S> {
    pub(crate) async fn start(&self, script: &str) {
        let program = Program {
            argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec![("PATH".into(), "/usr/bin:/bin".into())],
            cwd: "/var/task".into(),
        };
        let sandbox = self.sandbox.borrow();
        sandbox.start(&program).await.expect("a start");
    }

    /// Runs a script to its end: its exit, and its output up to a closing mark.
    pub(crate) async fn run(&mut self, script: &str) -> (Exit, String) {
        self.start(&format!(
            "({script}) 2>&1; code=$?; echo; echo =end=; exit $code"
        ))
        .await;
        let text = self.read_until("\n=end=\n").await;
        match self.sandbox.borrow().event().await {
            Event::Exited(exit) => (exit, text),
            other => panic!("{other:?} after {text}"),
        }
    }

    /// Runs a script that must succeed.
    pub(crate) async fn sh(&mut self, script: &str) -> String {
        let (exit, text) = self.run(script).await;
        assert_eq!(exit, Exit::Code(0), "{script}: {text}");
        text.trim_end().to_owned()
    }

    pub(crate) async fn read_until(&mut self, mark: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(mark.as_bytes()) {
            let mut bytes = [0; 4096];
            let count = self.output.read(&mut bytes).await.expect("output");
            assert!(count > 0, "ended after {}", String::from_utf8_lossy(&text));
            text.extend_from_slice(&bytes[..count]);
        }
        text.truncate(text.len() - mark.len());
        String::from_utf8(text).expect("text")
    }
}
