//! Hostile code: this half of the attack suite runs inside a sandbox, one attack in each.
//!
//! An attack really tries: it reaches for something that the harness has put outside (see `canaries.rs`), or for a
//! right, and looks at what it got. It would tell of a breach if what stops it were not there; `stopped_by` names the layers in the order in which they act.
#![allow(unsafe_code)]

mod calls;
mod descriptors;
mod devices;
mod files;
pub(crate) mod hoard;
mod identity;
mod ipc;
mod kernel;
mod mounts;
mod neighbours;
mod network;
mod proc;
mod processes;
mod resources;
mod signals;
mod visitor;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// What keeps code inside. Each is made by one file of `crates/sandbox/src/linux`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// A root of its own, with nothing of the machine's in sight but what is meant to be.
    Root,
    /// Mounts that are read-only, nosuid, nodev, noexec.
    Flags,
    /// Sizes and numbers of inodes, terminals and the like.
    Bounds,
    /// The PID name space.
    Processes,
    /// The user name space: its one user, its limit of name spaces.
    UserSpace,
    /// No capability, no_new_privs.
    Rights,
    /// A user of the machine for each sandbox; with root only.
    OwnUser,
    /// The network name space.
    Network,
    /// The IPC name space.
    Ipc,
    /// Control groups.
    Groups,
    /// Covers over parts of /proc.
    Masks,
    /// Resource limits.
    Limits,
    /// The system-call filter.
    Seccomp,
    /// Landlock.
    Landlock,
    /// Descriptors closed before pid 1 was executed.
    Descriptors,
    /// Pid 1: not dumpable, sealed, without environment.
    Init,
    /// The kernel itself, whatever a sandbox is made of: a fault that was mended, a rule that always holds.
    Kernel,
}

/// What became of an attack.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With how it was refused.
    Stopped(String),
    /// With the evidence.
    Breached(String),
}

pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) aims_at: &'static str,
    pub(crate) stopped_by: &'static [Layer],
    run: fn(&World) -> Outcome,
}

impl Attack {
    /// The file that it is written in.
    pub(crate) fn group(&self) -> &'static str {
        self.name.split("::").next().unwrap_or_default()
    }
}

/// Of attacks, by the files that they are written in.
#[cfg(feature = "weaken")]
pub(crate) const GROUPS: &[&str] = &[
    "calls",
    "descriptors",
    "devices",
    "files",
    "identity",
    "ipc",
    "kernel",
    "mounts",
    "neighbours",
    "network",
    "proc",
    "processes",
    "resources",
    "signals",
    "visitor",
];

/// Begins everything that must stay outside; what follows is random and known to the harness alone.
pub(crate) const SECRET: &str = "lambkin-canary:";

/// What the harness tells about the outside, as `key=value`.
pub(crate) struct World(BTreeMap<String, String>);

impl World {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0.get(key).expect("something that the harness tells")
    }

    pub(crate) fn number(&self, key: &str) -> i64 {
        self.text(key).parse().expect("a number")
    }

    pub(crate) fn pid(&self, key: &str) -> i32 {
        i32::try_from(self.number(key)).expect("a process")
    }

    pub(crate) fn port(&self, key: &str) -> u16 {
        u16::try_from(self.number(key)).expect("a port")
    }

    /// A file of the folder outside.
    fn outside(&self, name: &str) -> String {
        format!("{}/{name}", self.text("folder"))
    }
}

pub(crate) fn all() -> impl Iterator<Item = &'static Attack> {
    [
        files::ATTACKS,
        mounts::ATTACKS,
        descriptors::ATTACKS,
        processes::ATTACKS,
        signals::ATTACKS,
        identity::ATTACKS,
        kernel::ATTACKS,
        calls::ATTACKS,
        proc::ATTACKS,
        devices::ATTACKS,
        ipc::ATTACKS,
        network::ATTACKS,
        neighbours::ATTACKS,
        resources::ATTACKS,
        visitor::ATTACKS,
    ]
    .into_iter()
    .flatten()
}

/// `NAME key=value ...`: runs that attack and prints one line.
pub(crate) fn run(arguments: &[&str]) -> ExitCode {
    let Some((name, facts)) = arguments.split_first() else {
        return ExitCode::FAILURE;
    };
    let facts = facts.iter().filter_map(|fact| fact.split_once('='));
    let world = World(facts.map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
    let Some(attack) = all().find(|attack| attack.name == *name) else {
        return ExitCode::FAILURE;
    };
    match (attack.run)(&world) {
        Outcome::Stopped(how) => println!("stopped: {how}"),
        Outcome::Breached(evidence) => println!("breached: {evidence}"),
    }
    ExitCode::SUCCESS
}

// ---- what all attacks do ----

fn stopped(how: impl Display) -> Outcome {
    Outcome::Stopped(how.to_string())
}

fn breached(evidence: impl Display) -> Outcome {
    Outcome::Breached(evidence.to_string())
}

/// Of a try whose success is the breach.
fn must_fail<T>(result: io::Result<T>) -> Outcome {
    match result {
        Ok(_) => breached("it worked"),
        Err(error) => stopped(error),
    }
}

/// Of several: the first breach, or how the last one was stopped.
fn none_of(tries: impl IntoIterator<Item = (String, Outcome)>) -> Outcome {
    let mut last = "there is none".to_owned();
    for (what, outcome) in tries {
        match outcome {
            Outcome::Stopped(how) => last = format!("{what}: {how}"),
            Outcome::Breached(evidence) => return breached(format!("{what}: {evidence}")),
        }
    }
    stopped(last)
}

/// Of an invariant that shows that nothing was gained.
fn must_hold(holds: bool, evidence: impl Display) -> Outcome {
    if holds {
        stopped(evidence)
    } else {
        breached(evidence)
    }
}

/// Of bytes that were read: a breach if something secret is among them.
fn must_hide(read: io::Result<Vec<u8>>) -> Outcome {
    match read {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            match text.find(SECRET) {
                Some(at) => breached(text[at..].chars().take(60).collect::<String>()),
                None => stopped(format!("{} bytes, none of them secret", bytes.len())),
            }
        }
        Err(error) => stopped(error),
    }
}

/// Makes a system call as it is. Whoever calls it passes addresses of what lives long enough.
fn call<const N: usize>(number: libc::c_long, arguments: [libc::c_long; N]) -> io::Result<i64> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    let [a, b, c, d, e, f] = all;
    // SAFETY: hostile by intent, in a process that does nothing else: whatever the kernel writes lies in what the
    // attack passed, and a process that spoils itself is a stopped attack.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The address of a value or of a C string, as an argument of a call.
fn address<T: ?Sized>(value: &T) -> libc::c_long {
    std::ptr::from_ref(value).cast::<u8>().expose_provenance() as libc::c_long
}

/// The same of what the kernel writes.
fn place<T: ?Sized>(value: &mut T) -> libc::c_long {
    std::ptr::from_mut(value).cast::<u8>().expose_provenance() as libc::c_long
}

/// Forks and runs `child` in the copy; its end as `waitpid` tells it.
fn in_child(child: impl FnOnce() -> i32) -> io::Result<(i32, i32)> {
    // SAFETY: this program has one thread; the copy ends by `_exit` and runs nothing of what comes after.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = child();
            // SAFETY: ends the copy.
            unsafe { libc::_exit(code) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: the status outlives the call.
            if unsafe { libc::waitpid(pid, &raw mut status, 0) } < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok((pid, status))
        }
    }
}

/// A copy of this process that sleeps until it is dropped, with a secret in its memory at the given address.
struct Sleeper {
    pid: i32,
}

impl Sleeper {
    fn start() -> io::Result<Self> {
        // SAFETY: as above.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => loop {
                // SAFETY: waits for a signal.
                unsafe { libc::pause() };
            },
            pid => Ok(Self { pid }),
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // SAFETY: ends and reaps a child of this process.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}
