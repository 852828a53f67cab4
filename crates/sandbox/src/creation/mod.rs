//! The making of a sandbox, told in order: what the spawner does outside, what the new process does inside.
//!
//! ```text
//! spawner                                    new process (a copy, in name spaces of its own)
//! begin: sockets, pipes
//!        clone3 ────────────────────────────▶ into the control group (version 1; version 2: born there)
//!        maps of user ids                     descriptors arranged, all others closed, waits
//!        release ───────────────────────────▶ cgroup name space, user, end with the spawner
//!                                             loopback, listener, way out of datagrams
//!                                             mounts, pivot_root; listener ──▶ setup socket
//!                                             limits, no_new_privs, capabilities, Landlock, seccomp
//!        end of the setup socket ◀─────────── exec of the sealed pid 1
//! ```
//!
//! Whatever step fails inside is named on the setup socket, and the process ends.
//!
//! Here is the spawner's side; the new process's is `inside`, its descriptors are `slots`.

mod blueprint;
mod exec;
mod host;
mod inside;
mod slots;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use lambkin_init::descriptors::{DOORS, DOORS_MAX};
use rustix::fs::{Gid, Uid, fchown};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, at};
use crate::linux::cgroup::{self, Group};
use crate::linux::namespaces::{self, IdMap, IdMaps};
use crate::linux::nested::{self, Way};
use crate::linux::privilege::{SANDBOX_GID, SANDBOX_UID};
use crate::linux::{descriptors, pidfd, priority};
use crate::profile::{self, Step};
use crate::weaken::{self, Layer};

pub(crate) use blueprint::{Blueprint, CodeMounts, Job, Part};
pub(crate) use host::Host;

use inside::inside;
use slots::{ABOVE, Inherited, TOLD, arrange, slot};

const END_TIMEOUT: Duration = Duration::from_millis(20);

/// Steps that fail where a machine has no way out for datagrams.
pub(crate) const OPEN_TUNNEL: &str = "open /dev/net/tun";
pub(crate) const MAKE_TUNNEL: &str = "make a network device for UDP";

/// A process that is setting itself up.
pub(crate) struct Begun {
    pub(crate) process: OwnedFd,
    /// Tells `Setup`; ends when pid 1 was executed.
    pub(crate) setup: OwnedFd,
    /// What pid 1 will speak on.
    pub(crate) control: OwnedFd,
    /// Read end of its stdout and stderr.
    pub(crate) output: OwnedFd,
    /// Write end of what its first program waits for, where its code comes later.
    pub(crate) input: Option<OwnedFd>,
}

/// What the new process tells before it becomes pid 1.
#[derive(Serialize, Deserialize)]
pub(crate) enum Setup {
    /// Comes with the descriptor, that of the way out of datagrams, and how long the mounts took.
    Listening {
        mounts_us: u32,
    },
    /// Comes with its mount name space, in which code is to be mounted later.
    Space,
    Failed(Failure),
}

/// Starts the making of a sandbox. Returns as soon as the new process can go on alone.
pub(crate) fn begin(
    host: &Host,
    blueprint: &Blueprint,
    group: Option<&Group>,
) -> Result<Begun, Failure> {
    let (setup, setup_inside) = pair().map_err(at("make a socket"))?;
    let (control, control_inside) = pair().map_err(at("make a socket"))?;
    let (output, output_inside) = log_pipe(blueprint.owner).map_err(at("make a pipe"))?;
    let input = blueprint.waits().then(|| pipe_with(PipeFlags::CLOEXEC));
    let (input_inside, input) = input.transpose().map_err(at("make a pipe"))?.unzip();
    for end in [&setup, &control, &output].into_iter().chain(&input) {
        rustix::io::ioctl_fionbio(end, true).map_err(at("make a socket"))?;
    }
    let inherited = Inherited {
        input: input_inside.as_ref().map(AsFd::as_fd),
        output: output_inside.as_fd(),
        control: control_inside.as_fd(),
        setup: setup_inside.as_fd(),
        entrances: group
            .map_or(Ok(Vec::new()), |group| match blueprint.job.above() {
                // Nobody is born into it there.
                Some(_) => group.doors(),
                None => group.entrances(),
            })
            .map_err(at("open a control group"))?,
        doors: match blueprint.job.has_others_below() {
            true => group
                .map_or(Ok(0), |group| group.doors().map(|doors| doors.len()))
                .map_err(at("open a control group"))?,
            false => 0,
        },
    };
    profile::done(Step::Sockets);
    let (pid, process) = start(host, blueprint, group, &inherited)?;
    profile::done(Step::Clone);
    let begun = Begun {
        process,
        setup,
        control,
        output,
        input,
    };
    match release(host, blueprint, pid, &begun) {
        Ok(()) => {
            profile::done(Step::Maps);
            Ok(begun)
        }
        Err(failure) => {
            abandon(&begun.process);
            Err(failure)
        }
    }
}

/// Below another sandbox it has its users already.
fn start(
    host: &Host,
    blueprint: &Blueprint,
    group: Option<&Group>,
    inherited: &Inherited<'_>,
) -> Result<(Pid, OwnedFd), Failure> {
    let Some(above) = blueprint.job.above() else {
        let child = || {
            let entered = cgroup::enter(&inherited.entrances);
            if arrange(host, blueprint, inherited, [None; 2]).is_ok() {
                inside(host, blueprint, inherited, entered);
            }
        };
        let into = group.and_then(Group::clone_fd);
        let started = host
            .spaces
            .in_bare(|| namespaces::clone(namespaces::all(), into, child))?;
        let (pid, process) = started.map_err(at("make name spaces"))?;
        return Ok((pid, process));
    };
    let maps = maps(host, blueprint);
    let timeout = match host.rootless {
        true => nested::TIMEOUT_WITHOUT_PRIVILEGE,
        false => nested::TIMEOUT,
    };
    let arranged = |Way { above, told }: Way<'_>| -> io::Result<Way<'static>> {
        arrange(host, blueprint, inherited, [Some(above), Some(told)])?;
        let (above, told) = (slot(ABOVE), slot(TOLD));
        Ok(Way { above, told })
    };
    let child = || {
        if descriptors::close_from(ABOVE as i32).is_ok() {
            let doors = (DOORS as usize..).take(inherited.entrances.len());
            let doors: Vec<_> = doors.map(slot).take(DOORS_MAX).collect();
            inside(host, blueprint, inherited, cgroup::enter(&doors));
        }
    };
    let nested = host
        .spaces
        .in_bare(|| nested::clone(above, (&maps, timeout), arranged, child))??;
    Ok((nested.pid, nested.process))
}

fn maps(host: &Host, blueprint: &Blueprint) -> IdMaps {
    let (uid, gid) = match (blueprint.job.above(), host.rootless) {
        // Without root there is one user, which is the sandbox's own on every level.
        (Some(_), true) => (SANDBOX_UID, SANDBOX_GID),
        _ => blueprint.owner,
    };
    let user = IdMap {
        inside: SANDBOX_UID,
        outside: uid,
    };
    let group = IdMap {
        inside: SANDBOX_GID,
        outside: gid,
    };
    if blueprint.job.has_others_below() && !host.rootless {
        let server = host.server.iter().flat_map(|(uid, gid)| [*uid, *gid]);
        let others: Vec<u32> = server.chain([SANDBOX_UID, SANDBOX_GID]).collect();
        return IdMaps::with(user, group, &host.users, &others);
    }
    IdMaps::alone(user, group, host.rootless)
}

fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// The sandbox's user owns it, or no program could open /dev/stdout and /dev/stderr.
fn log_pipe((uid, gid): (u32, u32)) -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    let (outside, inside) = pipe_with(PipeFlags::CLOEXEC)?;
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    fchown(&inside, Some(uid), Some(gid))?;
    Ok((outside, inside))
}

fn release(host: &Host, blueprint: &Blueprint, pid: Pid, begun: &Begun) -> Result<(), Failure> {
    if !weaken::is_off(Layer::Userns) && blueprint.job.above().is_none() {
        let maps = maps(host, blueprint);
        maps.give_to(pid).map_err(at("map user ids"))?;
    }
    // Without privilege it stays as it is, and is only slower at clearing up.
    let _ = priority::raise(pid);
    rustix::io::write(&begun.setup, b"!")
        .map_err(at("release a new process"))
        .map(drop)
}

/// Ends a process that has not begun to set itself up: it dies at once. If not, the caller looks for it later.
fn abandon(process: &OwnedFd) {
    pidfd::finish(process, Instant::now() + END_TIMEOUT);
}
