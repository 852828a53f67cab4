//! What a sandbox costs to make, beside a bare `clone3` of the same name spaces in the same run.
//!
//! `cargo bench -p lambkin-sandbox --features profile` prints medians, and at its end the mean of each step. This
//! program is its own spawner, as the binary is. With `true N` it makes N sandboxes that run `true`, and prints one
//! line for each figure, for whoever started it; with `true N alone` they have no network, as where somebody above
//! hears the calls of programs already; with `datagrams` they have the device by which UDP leads out.
#![allow(unsafe_code)]

use std::io::{Cursor, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lambkin_sandbox::{
    CodeTree, Lineage, Program, Root, Sandbox, Spawner, SpawnerConfig, SpawnerProcess, Spec,
    UnpackLimits,
};

/// Alternating: one bare, one whole, so that a machine whose speed drifts does not decide the ratio.
const ROUNDS: usize = 100;
/// Until templates, pools and caches are warm.
const WARM_UP: usize = 20;
/// Enough for the machine's own noise to be small.
const IDLE: usize = 200;
const MIB: u64 = 1 << 20;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("__spawner") {
        return lambkin_sandbox::run_spawner();
    }
    let is_alone = std::env::args().any(|word| word == "alone");
    let _listener = is_alone.then(listen_above);
    let folder = tempfile::tempdir().expect("a folder");
    let process = SpawnerProcess::start(&SpawnerConfig {
        work_dir: folder.path().join("sandbox"),
        server: None,
        uids: 740_000..741_000,
        datagrams: std::env::args().any(|word| word == "datagrams"),
    })
    .expect("a spawner");
    println!("control groups: {:?}", process.isolation().control_groups);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match std::env::args().skip_while(|word| word != "true").nth(1) {
        Some(starts) => {
            runtime.block_on(starts_of_true(process, starts.parse().expect("a number")))
        }
        None => runtime.block_on(measure(process)),
    }
    drop(runtime);
    // The spawner prints its table at its end, which it comes to by itself.
    std::thread::sleep(Duration::from_millis(500));
    ExitCode::SUCCESS
}

async fn measure(process: SpawnerProcess) {
    let spawner = process.connect().expect("a handle");
    let code = package(&spawner).await;
    let (mut bare, mut whole, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    let mut programs = Vec::new();
    for round in 0..WARM_UP + ROUNDS {
        let floor = bare_clone();
        let start = Instant::now();
        let sandbox = create(&spawner, &code).await;
        let made = start.elapsed();
        let program = run(&sandbox).await;
        let start = Instant::now();
        sandbox.destroy().await;
        if round >= WARM_UP {
            bare.push(floor);
            whole.push(made);
            ends.push(start.elapsed());
            programs.push(program);
        }
    }
    let ratios: Vec<f64> = whole
        .iter()
        .zip(&bare)
        .map(|(whole, bare)| whole.as_secs_f64() / bare.as_secs_f64())
        .collect();
    println!("bare clone3             {:>8.0} us", us(&mut bare));
    println!("sandbox to ready pid 1  {:>8.0} us", us(&mut whole));
    println!("a program, start to end {:>8.0} us", us(&mut programs));
    println!("its end                 {:>8.0} us", us(&mut ends));
    println!("ratio                   {:>8.2}", median(ratios));
    idle(&spawner, &code).await;
}

/// From the wish to the end of the program, and to the end of everything.
async fn starts_of_true(process: SpawnerProcess, starts: usize) {
    let spawner = process.connect().expect("a handle");
    let code = package(&spawner).await;
    let (mut ended, mut gone, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut programs = Vec::new();
    for round in 0..WARM_UP + starts {
        let floor = bare_clone();
        let start = Instant::now();
        let sandbox = create(&spawner, &code).await;
        let program = run(&sandbox).await;
        let end = start.elapsed();
        sandbox.destroy().await;
        if round >= WARM_UP {
            bare.push(floor);
            programs.push(program);
            ended.push(end);
            gone.push(start.elapsed());
        }
    }
    for (name, times) in [
        ("lambkin", &mut ended),
        ("lambkin-once-made", &mut programs),
        ("lambkin-and-its-end", &mut gone),
        ("bare-clone3", &mut bare),
    ] {
        println!("figure {name}/ms {}", us(times) / 1_000.0);
    }
}

/// What one sandbox that runs nothing takes of the machine and of the server.
async fn idle(spawner: &Spawner, code: &CodeTree) {
    let (memory, descriptors) = (available_kib(), descriptors());
    let mut sandboxes = Vec::new();
    for _ in 0..IDLE {
        sandboxes.push(create(spawner, code).await);
    }
    let each = |total: f64| total / IDLE as f64;
    let taken = each(memory - available_kib()) / 1_024.0;
    let held = each((self::descriptors() - descriptors) as f64);
    println!("idle sandbox            {taken:>8.2} MiB of {IDLE}");
    println!("                        {held:>8.2} descriptors of the server");
    for sandbox in sandboxes {
        sandbox.destroy().await;
    }
}

fn available_kib() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").expect("meminfo");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("a number")
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .expect("descriptors")
        .count()
}

async fn package(spawner: &Spawner) -> CodeTree {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    writer.start_file("hello.txt", options).expect("a file");
    writer.write_all(b"hi").expect("content");
    let package = writer.finish().expect("a zip").into_inner();
    let limits = UnpackLimits {
        bytes_max: MIB,
        entries_max: 16,
        timeout: Duration::from_secs(10),
    };
    spawner.unpack(&package, limits).await.expect("a tree")
}

async fn create(spawner: &Spawner, code: &CodeTree) -> Sandbox {
    let spec = Spec {
        root: Root::default(),
        code: Some(code.clone()),
        memory_bytes: 128 * MIB,
        tmp_bytes: 512 * MIB,
        processes_max: 1_024,
        lineage: Lineage::Alone,
    };
    spawner.create(&spec).await.expect("a sandbox")
}

/// One that does nothing.
async fn run(sandbox: &Sandbox) -> Duration {
    let program = Program {
        argv: vec!["/bin/true".to_owned()],
        env: Vec::new(),
        cwd: "/".to_owned(),
    };
    let start = Instant::now();
    sandbox.start(&program).await.expect("a start");
    sandbox.event().await;
    start.elapsed()
}

/// Takes the place of the one listener to calls that the kernel allows. Its filter lets everything through.
fn listen_above() -> OwnedFd {
    let allow = libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: libc::SECCOMP_RET_ALLOW,
    };
    let filter = libc::sock_fprog {
        len: 1,
        filter: (&raw const allow).cast_mut(),
    };
    rustix::thread::set_no_new_privs(true).expect("no new privileges");
    // SAFETY: the kernel copies one instruction, which lives until the call returns, and writes nothing.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const filter,
        )
    };
    assert!(listener >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the kernel has made this descriptor, and nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(listener as RawFd) }
}

/// From the call to the first word of the child.
fn bare_clone() -> Duration {
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    let mut ends = [0; 2];
    // SAFETY: the array has room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    // SAFETY: zero is valid for every field and means "not used".
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = flags as u64;
    arguments.exit_signal = libc::SIGCHLD as u64;
    let start = Instant::now();
    // SAFETY: the child has a copy of memory, makes two system calls and ends.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<libc::clone_args>(),
        )
    };
    let mut byte = 0u8;
    if pid == 0 {
        // SAFETY: writes one byte that lives, and ends.
        unsafe {
            libc::write(ends[1], (&raw const byte).cast(), 1);
            libc::_exit(0);
        }
    }
    assert!(pid > 0, "{}", std::io::Error::last_os_error());
    // SAFETY: reads one byte into one; then waits for the child and closes what was opened above.
    unsafe {
        assert_eq!(libc::read(ends[0], (&raw mut byte).cast(), 1), 1);
        let took = start.elapsed();
        libc::waitpid(pid as i32, std::ptr::null_mut(), 0);
        libc::close(ends[0]);
        libc::close(ends[1]);
        took
    }
}

fn us(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
