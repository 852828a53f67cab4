//! Resource limits of a sandbox's processes, inherited by all of them.

use lambkin_init::descriptors::{OF_A_PROGRAM, OF_PID_1};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// Locked memory, in bytes, as on AWS.
const LOCKED_BYTES: u64 = 64 << 10;
/// Signals that wait: real-time signals are kernel memory that no group counts.
const SIGNALS: u64 = 4_096;
/// Stack of a new program, in bytes, as on AWS.
const STACK_BYTES: u64 = 8 << 20;

/// Sets soft and hard limits. Memory and CPU are the control group's, and processes too where there is one: the limit
/// here counts those of the sandbox's own user name space, and of all below it: `below` is how many sandboxes these may
/// be, for whose processes there is room up to the hard limit, as far as the machine gives it.
///
/// A pid 1 that makes calls for programs has more descriptors, as far as the machine gives them, and they get the usual
/// number from it.
pub(crate) fn apply(processes_max: u32, below: u32, makes_calls: bool) -> io::Result<()> {
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let descriptors = match makes_calls {
        true => OF_PID_1.min(most),
        false => OF_A_PROGRAM,
    };
    let processes = u64::from(processes_max);
    let room = getrlimit(Resource::Nproc).maximum.unwrap_or(u64::MAX);
    let room = room.min(processes * (u64::from(below) + 1)).max(processes);
    set(Resource::Nproc, processes, room)?;
    let limits = [
        // A core file would land in /tmp, or with a handler of the host's.
        (Resource::Core, 0),
        (Resource::Nofile, descriptors),
        (Resource::Memlock, LOCKED_BYTES),
        // POSIX message queues are kernel memory too, and Lambda has none.
        (Resource::Msgqueue, 0),
        (Resource::Sigpending, SIGNALS),
        (Resource::Rtprio, 0),
        (Resource::Nice, 0),
    ];
    for (resource, limit) in limits {
        set(resource, limit, limit)?;
    }
    setrlimit(
        Resource::Stack,
        Rlimit {
            current: Some(STACK_BYTES),
            maximum: None,
        },
    )
    .or_else(|_| set(Resource::Stack, STACK_BYTES, STACK_BYTES))?;
    Ok(())
}

fn set(resource: Resource, current: u64, maximum: u64) -> rustix::io::Result<()> {
    let limit = Rlimit {
        current: Some(current),
        maximum: Some(maximum),
    };
    setrlimit(resource, limit)
}
