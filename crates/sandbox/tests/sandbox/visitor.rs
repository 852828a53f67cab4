//! A process of the machine that enters a sandbox, as its owner does to look around: in its name spaces, of its user,
//! without a capability, but outside of the Landlock domain that pid 1 and all its children are in.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command, ExitCode, Stdio};

use crate::attack::SECRET;
use crate::canaries::{NonBlocking, count_signals};

/// The sandbox's user and group, as it sees them.
const USER: u32 = 993;
const GROUP: u32 = 990;

/// A visitor that is inside; it leaves when this is dropped.
pub(crate) struct Visitor {
    process: Child,
    told: NonBlocking,
    facts: Vec<String>,
}

impl Visitor {
    /// Enters the sandbox whose pid 1 is the one of these processes that is one in a name space.
    pub(crate) fn enter(processes: &BTreeSet<u32>) -> io::Result<Self> {
        let init = processes.iter().find(|pid| is_pid_1(**pid));
        let init = init.ok_or(io::ErrorKind::NotFound)?;
        let name = format!("lambkin-visitor-{}", std::process::id());
        let secret = format!("{SECRET}of a visitor");
        let mut process = Command::new(std::env::current_exe()?)
            .args(["__visitor", &init.to_string(), &name])
            .env("LAMBKIN_CANARY", secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut output =
            BufReader::with_capacity(1, File::from(std::os::fd::OwnedFd::from(output)));
        let mut line = String::new();
        output.read_line(&mut line)?;
        let (pid, memory) = line
            .trim()
            .split_once(' ')
            .ok_or(io::ErrorKind::InvalidData)?;
        let facts = vec![
            format!("visitor={pid}"),
            format!("visitor_memory={memory}"),
            format!("visitor_name={name}"),
            format!("landlock={}", landlock_version()),
        ];
        Ok(Self {
            process,
            told: NonBlocking(output.into_inner()),
            facts,
        })
    }

    pub(crate) fn facts(&self) -> &[String] {
        &self.facts
    }

    /// Signals and connections that reached it.
    pub(crate) fn met(&self) -> i32 {
        self.told.waiting()
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        // The end of its input tells the visitor to leave; it may have been killed by an attack.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn is_pid_1(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_whitespace().skip(1).last() == Some("1"))
}

fn landlock_version() -> i64 {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the call takes no rules and answers with a number.
    unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0,
            VERSION,
        )
    }
}

/// `PID NAME`: the visitor itself. Its first process only waits for the second, which is in the process name space.
pub(crate) fn process(init: &str, name: &str) -> ExitCode {
    let visit = || -> io::Result<()> {
        let ids = enter_spaces(init)?;
        // SAFETY: this program has one thread.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => stay(name, ids),
            pid => {
                let left = io::stdin().lines().count();
                // SAFETY: ends and reaps a child of this process.
                unsafe {
                    libc::kill(pid, libc::SIGKILL);
                    libc::waitpid(pid, std::ptr::null_mut(), 0);
                }
                assert_eq!(left, 0);
                Ok(())
            }
        }
    };
    match visit() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("no visit: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells which user and group that of the sandbox are there.
fn enter_spaces(init: &str) -> io::Result<(u32, u32)> {
    let folder = format!("/proc/{init}");
    let space = |kind: &str| File::open(format!("{folder}/ns/{kind}"));
    let spaces = ["user", "pid", "net", "ipc"].map(space);
    let own = fs::read_link("/proc/self/ns/user")?;
    let same = fs::read_link(format!("{folder}/ns/user"))? == own;
    // Without a name space of users, in a weakened build, they are the machine's.
    let status = fs::read_to_string(format!("{folder}/status"))?;
    let outside = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let ids = outside("Uid:").zip(outside("Gid:"));
    let ids = if same { ids } else { Some((USER, GROUP)) };
    for space in spaces.into_iter().skip(usize::from(same)) {
        // SAFETY: takes numbers only.
        if unsafe { libc::setns(space?.as_raw_fd(), 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    ids.ok_or(io::ErrorKind::InvalidData.into())
}

fn stay(name: &str, ids: (u32, u32)) -> io::Result<()> {
    become_its_user(ids)?;
    let secret = std::env::var("LAMBKIN_CANARY").map_err(io::Error::other)?;
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    count_signals();
    println!("{} {}", std::process::id(), secret.as_ptr().addr());
    io::stdout().flush()?;
    loop {
        // A connection counts like a signal, which also ends the wait.
        if listener.accept().is_ok() {
            io::stdout().write_all(b"!\n")?;
        }
    }
}

/// Without any capability, and open to whoever is the same user.
fn become_its_user((user, group): (u32, u32)) -> io::Result<()> {
    let header = [0x2008_0522u32, 0];
    let none = [0u32; 6];
    // SAFETY: numbers, and two structures that outlive the calls.
    let results = unsafe {
        [
            libc::setresgid(group, group, group),
            libc::setresuid(user, user, user),
            libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) as i32,
            libc::prctl(libc::PR_SET_DUMPABLE, 1),
            libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY),
            libc::setsid().min(0),
        ]
    };
    let yama_is_missing = results[4] < 0;
    let failed = results.iter().filter(|result| **result < 0).count();
    if failed > usize::from(yama_is_missing) {
        return Err(io::Error::other(format!("{results:?}")));
    }
    Ok(())
}
