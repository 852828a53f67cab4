//! The new process, from its start until it becomes pid 1.

use std::convert::Infallible;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use lambkin_init::descriptors::{NAMES_BY_DATAGRAM, NAMES_BY_STREAM, RULES};
use lambkin_init::{ADDRESS_V4, ADDRESS_V6, TUNNEL_V4};
use rustix::fs::CWD;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{chdir, fchdir, pivot_root};
use rustix::system::{setdomainname, sethostname};
use rustix::thread::{UnshareFlags, set_no_new_privs, set_thread_groups};

use crate::failure::{Failure, at};
use crate::linux::privilege::{self, SANDBOX_GID, SANDBOX_UID};
use crate::linux::{
    capabilities, descriptors, dev, landlock, limits, mount_spaces, mounts, namespaces, network,
    parent_death, proc, seccomp, signals, tunnel,
};
use crate::profile::{self, Step};
use crate::protocol;
use crate::weaken::{self, Layer};

use super::blueprint::{Blueprint, Job, Part};
use super::exec::exec;
use super::host::Host;
use super::slots::{COMPILED, Inherited, ROOT, SETUP, SPAWNER, TASK, TMP, TUNNELS, slot};
use super::{MAKE_TUNNEL, OPEN_TUNNEL, Setup};

/// A name that resolves everywhere and tells nothing.
const HOST_NAME: &[u8] = b"localhost";

pub(super) fn inside(
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
