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

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use lambkin_init::descriptors::{
    DOORS, DOORS_MAX, INPUT, NAMES_BY_DATAGRAM, NAMES_BY_STREAM, RULES, SETTLED,
};
use lambkin_init::{ADDRESS_V4, ADDRESS_V6, TUNNEL_V4};
use rustix::fs::{CWD, Gid, Uid, fchown};
use rustix::mount::{UnmountFlags, unmount};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, chdir, fchdir, pivot_root};
use rustix::system::{setdomainname, sethostname};
use rustix::thread::{UnshareFlags, set_no_new_privs, set_thread_groups};
use serde::{Deserialize, Serialize};

use crate::config::SpawnerConfig;
use crate::failure::{Failure, at};
use crate::linux::cgroup::{self, Group};
use crate::linux::mount_spaces::{self, MountSpaces};
use crate::linux::namespaces::{self, IdMap, IdMaps};
use crate::linux::nested::{self, Way};
use crate::linux::privilege::{self, SANDBOX_GID, SANDBOX_UID};
use crate::linux::seccomp::Holder;
use crate::linux::{
    capabilities, descriptors, dev, image, landlock, limits, mounts, network, parent_death, pidfd,
    priority, proc, seccomp, signals, tunnel,
};
use crate::profile::{self, Step};
use crate::protocol;
use crate::weaken::{self, Layer};

/// A name that resolves everywhere and tells nothing.
const HOST_NAME: &[u8] = b"localhost";

const END_TIMEOUT: Duration = Duration::from_millis(20);

/// Steps that fail where a machine has no way out for datagrams.
pub(crate) const OPEN_TUNNEL: &str = "open /dev/net/tun";
pub(crate) const MAKE_TUNNEL: &str = "make a network device for UDP";

/// What all sandboxes of this spawner share; made once.
pub(crate) struct Host {
    pub(crate) spaces: MountSpaces,
    pub(crate) rootless: bool,
    /// Users of sandboxes, as root; and the server's, which none of them has.
    users: Range<u32>,
    server: Option<(u32, u32)>,
    init: OwnedFd,
    filters: Filters,
    landlock_has_network: bool,
    spawner: OwnedFd,
    /// Of the device for the way out of datagrams, where there is to be one.
    tunnels: Option<OwnedFd>,
}

/// System-call filters; made once.
struct Filters {
    /// Of a pid 1 that makes its programs' calls.
    helper: Vec<libc::sock_filter>,
    /// Of one that makes clones of its program.
    keeper: Vec<libc::sock_filter>,
    /// Of any other.
    other: Vec<libc::sock_filter>,
    /// The second one of programs, for pid 1 to read.
    programs: OwnedFd,
    /// The same of programs that become templates.
    templates: OwnedFd,
}

impl Host {
    pub(crate) fn prepare(
        spaces: MountSpaces,
        rootless: bool,
        config: &SpawnerConfig,
    ) -> Result<Self, Failure> {
        let tunnels = config.datagrams.then(tunnel::folder).transpose();
        Ok(Self {
            spaces,
            rootless,
            users: config.uids.clone(),
            server: config.server,
            init: image::sealed_program().map_err(at("seal the image of pid 1"))?,
            filters: Filters {
                helper: seccomp::program(Holder::Helper),
                keeper: seccomp::program(Holder::Keeper),
                other: seccomp::program(Holder::Other),
                programs: image::sealed_filter(&seccomp::program_of_programs())
                    .map_err(at("seal a filter"))?,
                templates: image::sealed_filter(&seccomp::program_of_templates())
                    .map_err(at("seal a filter"))?,
            },
            landlock_has_network: landlock::has_network(),
            spawner: pidfd::of_self().map_err(at("open the spawner's process"))?,
            tunnels: tunnels.map_err(at(OPEN_TUNNEL))?,
        })
    }
}

/// What one sandbox is made of: mounts that are attached nowhere yet, its user, its work.
pub(crate) struct Blueprint {
    pub(crate) root: OwnedFd,
    /// None where the code comes later.
    pub(crate) code: Option<CodeMounts>,
    /// Mounted at /tmp.
    pub(crate) tmp: Option<OwnedFd>,
    pub(crate) shm_bytes: u64,
    pub(crate) processes_max: u32,
    /// The user and group outside that the sandbox's ones are.
    pub(crate) owner: (u32, u32),
    pub(crate) job: Job,
}

/// Where a function's code is read.
pub(crate) struct CodeMounts {
    /// Mounted at /var/task.
    pub(crate) task: OwnedFd,
    /// Mounted at /var/compiled: what was compiled from it.
    pub(crate) compiled: Option<OwnedFd>,
}

/// What pid 1 does.
pub(crate) enum Job {
    /// Starts programs as it is told, with a listener for the Runtime API.
    Run(Part),
    /// Unpacks a package into /var/task, without any network.
    Unpack {
        package: OwnedFd,
        bytes_max: u64,
        entries_max: u32,
    },
}

/// The part that a sandbox has among others.
pub(crate) enum Part {
    /// None; it has loopback alone.
    Alone,
    /// None. Pid 1 makes the programs' calls with addresses for them, so that connections lead out of the sandbox.
    Connected,
    /// Its program becomes a template, for clones in sandboxes below it. Pid 1 writes to this when it has.
    Above(OwnedFd),
    /// As `Connected`, for a clone that comes from the sandbox of this pid 1.
    Below(OwnedFd),
}

impl Blueprint {
    /// Whether its first program waits for its code.
    fn waits(&self) -> bool {
        self.code.is_none() && matches!(self.job, Job::Run(Part::Alone | Part::Connected))
    }
}

impl Job {
    fn above(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Run(Part::Below(above)) => Some(above.as_fd()),
            _ => None,
        }
    }

    fn has_others_below(&self) -> bool {
        matches!(self, Self::Run(Part::Above(_)))
    }

    /// Whether pid 1 makes calls with addresses.
    fn has_network(&self) -> bool {
        matches!(self, Self::Run(Part::Connected | Part::Below(_)))
    }
}

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

// ---- from here on: the new process ----

struct Inherited<'a> {
    input: Option<BorrowedFd<'a>>,
    output: BorrowedFd<'a>,
    control: BorrowedFd<'a>,
    setup: BorrowedFd<'a>,
    entrances: Vec<File>,
    /// How many of them a sandbox below this one will have.
    doors: usize,
}

/// Numbers of the descriptors in the new process. Those below `INIT` are for pid 1 to keep: its input is the
/// control socket, its output the package or the log pipe, and the rest is told in `lambkin_init::descriptors`.
const INIT: usize = 13;
const SETUP: usize = 14;
const ROOT: usize = 15;
const TASK: usize = 16;
const COMPILED: usize = 17;
const TMP: usize = 18;
const SPAWNER: usize = 19;
const TUNNELS: usize = 20;
/// For those on the way into another sandbox only.
const ABOVE: usize = 21;
const TOLD: usize = 22;

fn slot(number: usize) -> BorrowedFd<'static> {
    // SAFETY: only called after `arrange` put a descriptor there, and only `exec` closes it.
    unsafe { BorrowedFd::borrow_raw(number as i32) }
}

/// Closes all that the new process does not need.
fn arrange(
    host: &Host,
    blueprint: &Blueprint,
    inherited: &Inherited<'_>,
    way: [Option<BorrowedFd<'_>>; 2],
) -> io::Result<()> {
    let output = match &blueprint.job {
        Job::Run(_) => inherited.output,
        Job::Unpack { package, .. } => package.as_fd(),
    };
    let kept = kept(host, blueprint, inherited);
    let [filter, third, fourth, rules, a, b, c, d, e, input] = kept;
    let [above, told] = way;
    let code = blueprint.code.as_ref();
    let slots = [
        Some(inherited.control),
        Some(output),
        Some(inherited.output),
        filter,
        third,
        fourth,
        rules,
        a,
        b,
        c,
        d,
        e,
        input,
        Some(host.init.as_fd()),
        Some(inherited.setup),
        Some(blueprint.root.as_fd()),
        code.map(|code| code.task.as_fd()),
        code.and_then(|code| code.compiled.as_ref())
            .map(AsFd::as_fd),
        blueprint.tmp.as_ref().map(AsFd::as_fd),
        Some(host.spawner.as_fd()),
        host.tunnels.as_ref().map(AsFd::as_fd),
        above,
        told,
    ];
    descriptors::arrange(&slots, INIT)
}

fn inside(
    host: &Host,
    blueprint: &Blueprint,
    inherited: &Inherited<'_>,
    entered: rustix::io::Result<()>,
) {
    profile::begin_inside();
    let entered = entered.map_err(at("join a control group"));
    let Err(failure) = entered.and_then(|()| become_init(host, blueprint, inherited));
    // If the spawner cannot be told, it is gone, and so is this process in a moment.
    let _ = protocol::send(slot(SETUP), &Setup::Failed(failure), &[]);
}

/// What pid 1 finds from `FILTER` on, as told in `lambkin_init::descriptors`.
fn kept<'a>(
    host: &'a Host,
    blueprint: &'a Blueprint,
    inherited: &'a Inherited<'a>,
) -> [Option<BorrowedFd<'a>>; INIT - 3] {
    let job = &blueprint.job;
    let mut kept = [None; INIT - 3];
    kept[INPUT as usize - 3] = inherited.input;
    // Holds the places of what is made later.
    let place = Some(inherited.output);
    match job {
        Job::Unpack { .. } | Job::Run(Part::Alone) => return kept,
        Job::Run(Part::Connected | Part::Below(_)) => [kept[1], kept[2]] = [place; 2],
        Job::Run(Part::Above(settled)) => {
            kept[1] = Some(host.filters.templates.as_fd());
            kept[SETTLED as usize - 3] = Some(settled.as_fd());
        }
    }
    kept[0] = Some(host.filters.programs.as_fd());
    if job.above().is_some() {
        let (rules, doors, input) = (RULES as usize, DOORS as usize, INPUT as usize);
        [kept[rules - 3], kept[input - 3]] = [place; 2];
        for (slot, door) in kept[doors - 3..].iter_mut().zip(&inherited.entrances) {
            *slot = Some(door.as_fd());
        }
    }
    kept
}

fn become_init(
    host: &Host,
    blueprint: &Blueprint,
    inherited: &Inherited<'_>,
) -> Result<Infallible, Failure> {
    profile::done(Step::Joined);
    let tunnel = open_tunnel(host, blueprint);
    // A child that ended with the spawner's word unread would cut off its own.
    take_identity(host, blueprint.owner)?;
    let tunnel = tunnel?;
    profile::done(Step::Identity);
    let (listener, working_folder) = match &blueprint.job {
        Job::Run(_) => (Some(open_network(blueprint.job.has_network())?), c"/"),
        Job::Unpack { .. } => (None, c"/var/task"),
    };
    if let Some(tunnel) = &tunnel {
        tunnel::bring_up(tunnel, TUNNEL_V4).map_err(at(MAKE_TUNNEL))?;
    }
    profile::done(Step::Network);
    let began = Instant::now();
    enter_root(blueprint)?;
    let mounts = began.elapsed();
    profile::done(Step::Pivot);
    if let Some(listener) = listener {
        hand_out_listener(&listener, tunnel, mounts)?;
    }
    sethostname(HOST_NAME).map_err(at("set the host name"))?;
    setdomainname(b"(none)").map_err(at("set the domain name"))?;
    chdir(working_folder).map_err(at("enter the working folder"))?;
    renounce(host, blueprint)?;
    exec(host, blueprint, inherited)
}

/// Waits until its name spaces are filled in, then takes the only user that they have.
fn take_identity(host: &Host, owner: (u32, u32)) -> Result<(), Failure> {
    parent_death::follow(slot(SPAWNER)).map_err(at("follow the spawner"))?;
    let mut byte = [0];
    if rustix::io::read(slot(SETUP), &mut byte).map_err(at("wait for the spawner"))? == 0 {
        return Err(Failure::new(
            "wait for the spawner",
            rustix::io::Errno::PIPE,
        ));
    }
    profile::done(Step::Released);
    // SAFETY: the flag leaves the descriptor table alone, which is what can break owned descriptors.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWCGROUP) }
        .map_err(at("make a cgroup name space"))?;
    if !host.rootless {
        set_thread_groups(&[]).map_err(at("leave all groups"))?;
    }
    let become_it = match weaken::is_off(Layer::Userns) {
        true => privilege::become_user_with_capabilities(owner.0, owner.1),
        false => privilege::become_user(SANDBOX_UID, SANDBOX_GID),
    };
    become_it.map_err(at("become the sandbox's user"))?;
    parent_death::follow(slot(SPAWNER)).map_err(at("follow the spawner"))
}

/// Where programs will find the Runtime API.
fn open_network(has_network: bool) -> Result<OwnedFd, Failure> {
    network::bring_up_loopback(&[ADDRESS_V4.into(), ADDRESS_V6.into()])
        .map_err(at("bring up loopback"))?;
    if has_network {
        let (datagrams, streams) =
            network::listen_for_names().map_err(at("listen for questions for names"))?;
        descriptors::keep(&datagrams, NAMES_BY_DATAGRAM)
            .and_then(|()| descriptors::keep(&streams, NAMES_BY_STREAM))
            .map_err(at("listen for questions for names"))?;
    }
    network::listen_for_runtime().map_err(at("listen for the Runtime API"))
}

/// While it still is who it was outside: the device may be that user's alone.
fn open_tunnel(host: &Host, blueprint: &Blueprint) -> Result<Option<OwnedFd>, Failure> {
    let wanted = host.tunnels.is_some() && blueprint.job.has_network();
    let opened = wanted.then(|| tunnel::open(slot(TUNNELS)));
    opened.transpose().map_err(at(OPEN_TUNNEL))
}

fn hand_out_listener(
    listener: &OwnedFd,
    tunnel: Option<OwnedFd>,
    mounts: Duration,
) -> Result<(), Failure> {
    let mounts_us = u32::try_from(mounts.as_micros()).unwrap_or(u32::MAX);
    let listening = Setup::Listening { mounts_us };
    let descriptors = std::iter::once(listener).chain(&tunnel);
    let descriptors: Vec<_> = descriptors.map(AsFd::as_fd).collect();
    protocol::send(slot(SETUP), &listening, &descriptors).map_err(at("hand out the listener"))
}

fn enter_root(blueprint: &Blueprint) -> Result<(), Failure> {
    let root = slot(ROOT);
    mounts::attach(root, CWD, mount_spaces::NEW_ROOT).map_err(at("mount the root"))?;
    if let Some(code) = &blueprint.code {
        mounts::attach(slot(TASK), root, "var/task").map_err(at("mount /var/task"))?;
        if code.compiled.is_some() {
            mounts::attach(slot(COMPILED), root, "var/compiled")
                .map_err(at("mount /var/compiled"))?;
        }
    }
    if blueprint.tmp.is_some() {
        mounts::attach(slot(TMP), root, "tmp").map_err(at("mount /tmp"))?;
    }
    profile::done(Step::Root);
    dev::mount_private(root, blueprint.shm_bytes)?;
    profile::done(Step::Devices);
    fchdir(root).map_err(at("enter the root"))?;
    proc::mount(root, blueprint.job.has_others_below())?;
    profile::done(Step::Proc);
    if blueprint.code.is_none() {
        hand_out_space(root)?;
    }
    pivot_root(".", ".").map_err(at("change the root"))?;
    unmount(".", UnmountFlags::DETACH).map_err(at("leave the old root"))
}

/// For the spawner, which has no way to it later: pid 1 cannot be looked into.
fn hand_out_space(root: BorrowedFd<'_>) -> Result<(), Failure> {
    let space = mount_spaces::of_self(root, "proc").map_err(at("open the mount name space"))?;
    protocol::send(slot(SETUP), &Setup::Space, &[space.as_fd()])
        .map_err(at("hand out the mount name space"))
}

/// Gives up, in this order, what the rest would need.
fn renounce(host: &Host, blueprint: &Blueprint) -> Result<(), Failure> {
    let makes_calls = !matches!(blueprint.job, Job::Unpack { .. } | Job::Run(Part::Alone));
    let below = match blueprint.job.has_others_below() {
        true => namespaces::BELOW_MAX,
        false => 0,
    };
    limits::apply(blueprint.processes_max, below, makes_calls).map_err(at("set limits"))?;
    set_no_new_privs(true).map_err(at("set no_new_privs"))?;
    capabilities::drop_all().map_err(at("drop capabilities"))?;
    profile::done(Step::Rights);
    if !weaken::is_off(Layer::Landlock) {
        restrict_files(&blueprint.job)?;
    }
    profile::done(Step::Landlock);
    signals::restore();
    if weaken::is_off(Layer::Seccomp) {
        return Ok(());
    }
    let filter = match &blueprint.job {
        Job::Run(Part::Connected | Part::Below(_)) => &host.filters.helper,
        Job::Run(Part::Above(_)) => &host.filters.keeper,
        Job::Run(Part::Alone) | Job::Unpack { .. } => &host.filters.other,
    };
    seccomp::install(filter).map_err(at("install the system-call filter"))?;
    profile::done(Step::Filter);
    Ok(())
}

/// Where a clone comes or comes from, nobody can be under Landlock: it would keep the one from entering a sandbox, and
/// pid 1 there from looking at it. The clone is put under rules of its own.
fn restrict_files(job: &Job) -> Result<(), Failure> {
    match job {
        Job::Run(Part::Above(_)) => Ok(()),
        Job::Run(Part::Below(_)) => {
            let rules = landlock::rules_of_clones().map_err(at("restrict files"))?;
            let kept = rules.map_or(Ok(()), |rules| descriptors::keep(&rules, RULES));
            kept.map_err(at("restrict files"))
        }
        Job::Run(_) => landlock::restrict(false).map_err(at("restrict files")),
        Job::Unpack { .. } => landlock::restrict(true).map_err(at("restrict files")),
    }
}

fn exec(
    host: &Host,
    blueprint: &Blueprint,
    inherited: &Inherited<'_>,
) -> Result<Infallible, Failure> {
    let arguments =
        arguments(host, blueprint, inherited).map_err(at("name the arguments of pid 1"))?;
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let environment = [std::ptr::null::<libc::c_char>()];
    let path: &CStr = c"";
    // SAFETY: every array ends with a null pointer, and all strings live until the call returns.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            INIT,
            path.as_ptr(),
            pointers.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Err(at("execute pid 1")(io::Error::last_os_error()))
}

fn arguments(
    host: &Host,
    blueprint: &Blueprint,
    inherited: &Inherited<'_>,
) -> io::Result<Vec<CString>> {
    let run = |words: &[&str], landlock: bool| {
        let first = ["lambkin-init", "run"].iter();
        let words = first.chain(inherited.input.map(|_| &"waits")).chain(words);
        let words = words.chain(landlock.then_some(&"landlock"));
        words.map(|word| (*word).to_owned()).collect()
    };
    let has_rules = landlock::version() > 0 && !weaken::is_off(Layer::Landlock);
    let doors = inherited.doors.max(inherited.entrances.len());
    let doors = doors.min(DOORS_MAX).to_string();
    let words = match &blueprint.job {
        Job::Run(Part::Alone) => run(&[], false),
        Job::Run(Part::Connected) => run(&["network"], host.landlock_has_network),
        Job::Run(Part::Above(_)) => run(&["template", &doors], has_rules),
        Job::Run(Part::Below(_)) => run(&["clone", &doors], has_rules),
        Job::Unpack {
            bytes_max,
            entries_max,
            ..
        } => vec![
            "lambkin-init".to_owned(),
            "unpack".to_owned(),
            bytes_max.to_string(),
            entries_max.to_string(),
        ],
    };
    words
        .into_iter()
        .map(|word| CString::new(word).map_err(io::Error::other))
        .collect()
}
