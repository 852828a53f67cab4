//! The spawner as a child process, until a runtime takes it over.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};

use crate::config::SpawnerConfig;
use crate::handle::Spawner;
use crate::isolation::Isolation;
use crate::missing::Missing;
use crate::protocol::{self, Hello, SPAWNER_FD, Welcome};

/// The argument that makes the program its own spawner.
const ARGUMENT: &str = "__spawner";
/// Trying everything once takes some 50 ms.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running spawner process, not yet connected to a runtime. Dropping it ends the process.
pub struct SpawnerProcess {
    pub(crate) socket: OwnedFd,
    pub(crate) child: Child,
    isolation: Isolation,
}

impl SpawnerProcess {
    /// Forks and executes `/proc/self/exe __spawner`. Must run before any thread exists, and while this process
    /// still has the rights that sandboxes need.
    ///
    /// # Errors
    /// Fails if the machine can't make sandboxes at all; the error says why and what to do.
    pub fn start(config: &SpawnerConfig) -> io::Result<Self> {
        let (socket, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let child = execute(&theirs)?;
        drop(theirs);
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(START_TIMEOUT))?;
        protocol::send(
            &socket,
            &Hello {
                config: config.clone(),
            },
            &[],
        )?;
        let welcome = protocol::receive::<Welcome>(&socket)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, None)?;
        let Some((Welcome { isolation }, _)) = welcome else {
            return Err(io::Error::other("the spawner ended at its start"));
        };
        if let Some(fatal) = isolation.missing.iter().find(|missing| missing.fatal) {
            let text = format!("{}. Remedy: {}", fatal.what, fatal.remedy);
            return Err(io::Error::other(text));
        }
        Ok(Self {
            socket,
            child,
            isolation,
        })
    }

    /// What this machine cannot give, to be told to its owner. None of it is fatal.
    pub fn missing(&self) -> &[Missing] {
        &self.isolation.missing
    }

    /// What sandboxes are made of on this machine.
    pub fn isolation(&self) -> &Isolation {
        &self.isolation
    }

    /// Makes the asynchronous handle; needs a tokio runtime.
    ///
    /// # Errors
    /// Fails if the socket cannot be registered with the runtime.
    pub fn connect(self) -> io::Result<Spawner> {
        Spawner::new(self.socket, self.child, self.isolation)
    }
}

fn execute(socket: &OwnedFd) -> io::Result<Child> {
    let number = socket.as_raw_fd();
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("lambkin")
        .arg(ARGUMENT)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    // SAFETY: the closure only makes system calls on numbers: nothing is allocated, no lock is taken.
    unsafe { command.pre_exec(move || keep_only(number)) };
    command.spawn()
}

/// Puts the socket at its place and marks everything beyond as close-on-exec. The pipe by which `spawn` hears
/// of a failed exec is beyond too, and is meant to close there.
fn keep_only(socket: i32) -> io::Result<()> {
    // SAFETY: duplicates a descriptor; touches no memory.
    let placed = unsafe {
        if socket == SPAWNER_FD {
            libc::fcntl(socket, libc::F_SETFD, 0)
        } else {
            libc::dup2(socket, SPAWNER_FD)
        }
    };
    if placed < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: marks descriptors; touches no memory.
    let marked = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            SPAWNER_FD + 1,
            i32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if marked == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
