//! Control groups: limits on memory, processes and CPU of one sandbox, and what it has used.
//!
//! Owns: finding the machine's groups, one group for each sandbox below `lambkin-<pid of the spawner>`, and the
//! removal of what a killed spawner left. Both interfaces of the kernel keep the same promises; `v1` and `v2`
//! know their files. Refuses: to go on with half of what a controller was asked for.
//!
//! The spawner makes groups; the server measures them, sets their CPU quota, freezes them and pushes their pages out through files that
//! the spawner gives it, so that it needs no rights of its own.

mod files;
mod group_files;
mod meter;
mod mounts;
mod pages;
mod stale;
mod v1;
mod v2;
mod weight;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use crate::missing::{Missing, Part};
pub(crate) use group_files::GroupFiles;
pub(crate) use meter::{Meter, Usage};

/// Begins the names of our groups; the rest is the spawner's pid.
const PREFIX: &str = "lambkin-";

/// What one sandbox may use. CPU is set later, through its meter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) memory_bytes: u64,
    /// Processes and threads, pid 1 included.
    pub(crate) processes_max: u32,
}

/// The machine's groups, with one of our own in them.
pub(crate) enum Hierarchy {
    V1(v1::Hierarchy),
    V2(v2::Hierarchy),
}

impl Hierarchy {
    /// Finds the groups, removes what dead spawners left, and makes ours. Tells which limits cannot be kept.
    pub(crate) fn detect() -> io::Result<(Self, Vec<Missing>)> {
        Self::named(&format!("{PREFIX}{}", std::process::id()))
    }

    fn named(name: &str) -> io::Result<(Self, Vec<Missing>)> {
        let found = mounts::Mounts::read()?;
        let (hierarchy, lacking) = match found {
            mounts::Mounts::V2(base) => {
                stale::remove(&base);
                let (hierarchy, lacking) = v2::Hierarchy::make(&base, name)?;
                (Self::V2(hierarchy), lacking)
            }
            mounts::Mounts::V1(bases) => {
                bases.iter().for_each(|base| stale::remove(&base.path));
                let (hierarchy, lacking) = v1::Hierarchy::make(&bases, name)?;
                (Self::V1(hierarchy), lacking)
            }
        };
        Ok((hierarchy, lacking.into_iter().map(unlimited).collect()))
    }

    /// Makes the group of one sandbox; nothing is left of one that cannot be made whole.
    pub(crate) fn create(&mut self, limits: &Limits) -> io::Result<Group> {
        match self {
            Self::V1(hierarchy) => hierarchy.create(limits).map(Group::V1),
            Self::V2(hierarchy) => hierarchy.create(limits).map(Group::V2),
        }
    }
}

fn unlimited(controller: &str) -> Missing {
    let consequence = match controller {
        "freezer" => "functions that wait for their next event are not frozen".to_owned(),
        "cpuacct" => "the CPU time of functions is not measured".to_owned(),
        limited => format!("the {limited} of functions is not limited"),
    };
    Missing::limit(
        Part::ControlGroups,
        format!("{consequence}: the cgroup controller \"{controller}\" is not there"),
        format!(
            "switch the controller on (kernel command line cgroup_enable={controller}), or delegate it: \
            systemd-run --user --scope -p Delegate=yes lambkin ..."
        ),
    )
}

/// The group of one sandbox. Not removed by itself: its processes must be gone first.
pub(crate) enum Group {
    V1(v1::Group),
    V2(v2::Group),
}

impl Group {
    /// Where a process can be born into the group.
    pub(crate) fn clone_fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::V1(_) => None,
            Self::V2(group) => Some(group.clone_fd()),
        }
    }

    /// What a process that is not born there passes to `enter`.
    pub(crate) fn entrances(&self) -> io::Result<Vec<File>> {
        match self {
            Self::V1(group) => group.entrances(),
            Self::V2(_) => Ok(Vec::new()),
        }
    }

    /// What any process passes to `enter` that was born elsewhere, whoever it is.
    pub(crate) fn doors(&self) -> io::Result<Vec<File>> {
        match self {
            Self::V1(group) => group.entrances(),
            Self::V2(group) => group.door().map(|door| vec![door]),
        }
    }

    /// Kills every process in it, a frozen one too.
    pub(crate) fn kill(&self) -> io::Result<()> {
        match self {
            Self::V1(group) => group.kill(),
            Self::V2(group) => group.kill(),
        }
    }

    /// Removes it. Fails with `EBUSY` while a process in it is still dying.
    pub(crate) fn remove(&self) -> io::Result<()> {
        match self {
            Self::V1(group) => group.remove(),
            Self::V2(group) => group.remove(),
        }
    }

    /// Lets the server, which has no rights of its own, steer it.
    pub(crate) fn give_to(&self, server: (u32, u32)) -> io::Result<()> {
        self.files().give_to(server)
    }

    /// Where it is measured and steered, for the server.
    pub(crate) fn files(&self) -> GroupFiles {
        match self {
            Self::V1(group) => group.files().clone(),
            Self::V2(group) => group.files(),
        }
    }
}

/// Moves this process, which has one thread, into the group of these entrances.
pub(crate) fn enter(entrances: &[impl AsFd]) -> rustix::io::Result<()> {
    const MYSELF: &[u8] = b"0";
    entrances
        .iter()
        .try_for_each(|entrance| rustix::io::write(entrance, MYSELF).map(drop))
}

#[cfg(test)]
mod tests;
