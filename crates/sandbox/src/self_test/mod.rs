//! The sandbox on trial: a program of ours, in a real sandbox, really tries what a way out would need.
//!
//! ```text
//! ground: this process moves to a network of its own ─▶ world: a process in another, on a cable
//! outside: makes what there is to reach ─▶ sandbox ─▶ inside: tries, tells ─▶ outside: judges, removes all
//! ```
//! Owns the attempts, one kind per file. Refuses to attempt what would harm where the defence is missing: no
//! signal that kills, no write that stays, no address of the machine: network attempts aim at the world and at the
//! ground. Who serves connections is the caller's to say: the server's own part does, with its rules.

mod files;
mod ground;
mod identity;
mod kernel;
mod limits;
mod network;
mod outside;
mod processes;
mod work;
mod world;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

pub use ground::Ground;
pub use outside::{SelfTestError, self_test};

/// The argument that makes the program the one that tries, inside.
const INSIDE: &str = "__self-test";
/// The argument that makes the program what there is to reach by network.
const WORLD: &str = "__self-test-world";

/// One attempt and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What was tried.
    pub name: String,
    /// Whether the sandbox did as promised.
    pub held: bool,
    /// What stopped the attempt, or the evidence that nothing did.
    pub found: String,
}

/// `Ok` tells what held, `Err` shows what did not.
type Found = Result<String, String>;

type Attempt = (&'static str, fn(&Aims) -> Found);

/// What there is outside, and how much of it a sandbox may use.
struct Aims {
    /// A file of the machine, with `SECRET` in it.
    file: PathBuf,
    /// A process of the machine.
    process: i32,
    /// An abstract Unix socket of the machine.
    socket_name: String,
    /// Whether there is a world, and who serves connections to it.
    has_world: bool,
    /// Whether it has addresses of IPv6.
    has_v6: bool,
    /// Whether control groups limit this sandbox.
    limited: bool,
}

/// What no sandbox may ever read.
const SECRET: &str = "the machine's secret";

const ATTEMPTS: &[Attempt] = &[
    ("descriptors of the server", files::descriptors),
    ("files of the machine", files::of_the_machine),
    ("writes outside of /tmp", files::writes),
    ("memory and secrets of the kernel", files::of_the_kernel),
    ("ptrace", processes::ptrace),
    ("memory of other processes", processes::memory),
    ("processes of the machine", processes::of_the_machine),
    ("signals to the machine", processes::signals),
    ("forbidden system calls", kernel::calls),
    ("calls of other architectures", kernel::other_architecture),
    ("forbidden sockets", kernel::sockets),
    ("new name spaces", kernel::name_spaces),
    ("capabilities and users", identity::rights),
    ("sockets of the machine", network::abstract_socket),
    ("network interfaces", network::interfaces),
    ("bounds of /tmp and /dev/shm", limits::storage),
    ("bounds of descriptors and core files", limits::resources),
    ("bound of processes", limits::processes),
    ("bound of memory", limits::memory),
    (
        "threads, processes, files and loopback work",
        work::ordinary,
    ),
];

/// Those that need a world.
const NETWORK_ATTEMPTS: &[Attempt] = &[
    ("outbound connections", network::outbound),
    ("names", network::names),
    ("port 25", network::mail),
    ("metadata service", network::metadata),
    ("services of the machine", network::of_the_machine),
    ("rules of a function", network::rules),
    ("datagrams", network::datagrams),
    ("connections that were handed in", network::handed_in),
];

/// Body of the program where its first argument is one of this module's; `None` where it is not.
pub fn run_self_test(arguments: &[String]) -> Option<ExitCode> {
    match arguments {
        [first, rest @ ..] if first == INSIDE => Some(inside(rest)),
        [first] if first == WORLD => Some(world::run()),
        _ => None,
    }
}

/// One line for each attempt: `+` or `-`, its name, and what was found, with tabs between.
fn inside(arguments: &[String]) -> ExitCode {
    let Some(aims) = Aims::parse(arguments) else {
        return ExitCode::FAILURE;
    };
    for (name, attempt) in attempts(aims.has_world) {
        let (mark, found) = match attempt(&aims) {
            Ok(found) => ('+', found),
            Err(found) => ('-', found),
        };
        let found = found.replace(['\n', '\t'], " ");
        // Who does not read misses lines, and says so.
        let _ = writeln!(std::io::stdout(), "{mark}\t{name}\t{found}");
    }
    // Listens until it has been tried to be reached.
    let listener = network::listen();
    let _ = writeln!(std::io::stdout(), "{DONE}");
    network::wait_for_the_server();
    drop(listener);
    ExitCode::SUCCESS
}

fn attempts(has_world: bool) -> impl Iterator<Item = &'static Attempt> {
    let with_world = if has_world { NETWORK_ATTEMPTS } else { &[] };
    ATTEMPTS.iter().chain(with_world)
}

/// Closes the list of trials.
const DONE: &str = "=";

impl Aims {
    fn parse(arguments: &[String]) -> Option<Self> {
        let [file, process, socket_name, has_world, has_v6, limited] = arguments else {
            return None;
        };
        Some(Self {
            file: file.into(),
            process: process.parse().ok()?,
            socket_name: socket_name.clone(),
            has_world: has_world.parse().ok()?,
            has_v6: has_v6.parse().ok()?,
            limited: limited.parse().ok()?,
        })
    }

    fn arguments(&self) -> Vec<String> {
        vec![
            self.file.display().to_string(),
            self.process.to_string(),
            self.socket_name.clone(),
            self.has_world.to_string(),
            self.has_v6.to_string(),
            self.limited.to_string(),
        ]
    }
}

fn last_error() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
