//! The first sandbox, made at start and thrown away: what cannot work on this machine fails here, with a name,
//! and not at the first invoke.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use lambkin_init::message::Report;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::machine::{Machine, Started};
use super::network_trial;
use crate::creation::{Begun, Part, Setup};
use crate::failure::{Failure, at};
use crate::linux::pidfd;
use crate::missing::{self, Missing};
use crate::protocol::{self, Code, CreateSandbox, Lineage};
use crate::spec::Root;
use crate::weaken::{self, Layer};

/// The whole trial; takes some 5 ms.
const TIMEOUT: Duration = Duration::from_secs(10);
const MEMORY_BYTES: u64 = 64 << 20;
const TMP_BYTES: u64 = 512 << 20;
const PROCESSES_MAX: u32 = 16;

/// Tries a sandbox whose programs have a network, and where there is none to be had one without, unless it was asked
/// for.
pub(super) fn run(machine: &mut Machine, missing: &mut Vec<Missing>) -> Result<(), Failure> {
    match try_one(machine) {
        Err(failure) if machine.has_network && !machine.has_datagrams => {
            machine.has_network = false;
            missing.push(missing::no_network(&failure));
            try_one(machine)
        }
        tried => tried,
    }
}

/// Makes a sandbox with an empty /var/task, waits until its pid 1 is ready, and tries the network if it has one.
fn try_one(machine: &mut Machine) -> Result<(), Failure> {
    let (tree, mount) = machine.trees.begin(0, 0, (0, 0))?;
    drop(mount);
    machine.trees.seal(tree)?;
    let wanted = CreateSandbox {
        root: Root::default(),
        code: Some(Code {
            tree,
            compiled: None,
        }),
        memory_bytes: MEMORY_BYTES,
        tmp_bytes: TMP_BYTES,
        processes_max: PROCESSES_MAX,
        lineage: Lineage::Alone,
    };
    let part = match machine.has_network {
        true => Part::Connected,
        false => Part::Alone,
    };
    let Started { begun, group, uid } = machine.start_sandbox(&wanted, part)?;
    let until = Instant::now() + TIMEOUT;
    let ready = hear(&begun, until);
    let tried = ready.and_then(|()| match machine.has_network {
        // Without that layer it would fail, and take the others away.
        true if !weaken::is_off(Layer::Calls) => network_trial::run(&begun, until),
        _ => Ok(()),
    });
    let ended = pidfd::kill(&begun.process).map_err(at("kill a sandbox"));
    let ended = ended.and_then(|()| wait(&begun.process, until));
    pidfd::reap(&begun.process);
    if let Some(group) = group {
        remove(&group, until)?;
    }
    machine.release_user(uid);
    machine.trees.free(tree);
    tried.and(ended)
}

fn hear(begun: &Begun, until: Instant) -> Result<(), Failure> {
    loop {
        wait(&begun.setup, until)?;
        match protocol::receive::<Setup>(&begun.setup).map_err(at("hear a new process"))? {
            Some((Setup::Listening { .. } | Setup::Space, _)) => {}
            Some((Setup::Failed(failure), _)) => return Err(failure),
            None => break,
        }
    }
    wait(&begun.control, until)?;
    match protocol::receive::<Report>(&begun.control).map_err(at("hear pid 1"))? {
        Some((Report::Ready, _)) => Ok(()),
        _ => Err(Failure::new("start pid 1", Errno::CHILD)),
    }
}

pub(super) fn wait(source: impl AsFd, until: Instant) -> Result<(), Failure> {
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).unwrap_or(Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    });
    match poll(&mut [PollFd::new(&source, PollFlags::IN)], Some(&left)) {
        Ok(0) => Err(Failure::new("wait for a sandbox", Errno::TIMEDOUT)),
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new("wait for a sandbox", error)),
    }
}

fn remove(group: &crate::linux::cgroup::Group, until: Instant) -> Result<(), Failure> {
    while let Err(error) = group.remove() {
        if Instant::now() >= until {
            return Err(at("remove a control group")(error));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
