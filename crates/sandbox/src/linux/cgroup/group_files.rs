//! Where the files of one group lie, by path: the spawner makes them, the server opens what it needs.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::pages;

/// Time over which a CPU quota is counted, in microseconds: short, so that a function with a small share is
/// slowed down evenly and not stopped for a tenth of a second at a time.
pub(super) const CPU_PERIOD_US: u64 = 20_000;
/// The kernel takes no smaller quota.
const CPU_QUOTA_US_MIN: u64 = 1_000;

/// The folders of one group; a controller that the machine lacks has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GroupFiles {
    /// One folder in each hierarchy.
    V1 {
        memory: Option<PathBuf>,
        cpu: Option<PathBuf>,
        cpuacct: Option<PathBuf>,
        freezer: Option<PathBuf>,
    },
    /// One folder for all.
    V2(PathBuf),
}

impl GroupFiles {
    pub(super) fn memory_peak(&self) -> io::Result<Option<File>> {
        match self {
            Self::V1 { memory, .. } => read(memory.as_deref(), "memory.max_usage_in_bytes"),
            // Before Linux 5.19 there is no peak; what is used now comes closest.
            Self::V2(folder) => match read(Some(folder), "memory.peak")? {
                None => read(Some(folder), "memory.current"),
                peak => Ok(peak),
            },
        }
    }

    pub(super) fn memory_events(&self) -> io::Result<Option<File>> {
        match self {
            Self::V1 { memory, .. } => read(memory.as_deref(), "memory.oom_control"),
            Self::V2(folder) => read(Some(folder), "memory.events"),
        }
    }

    /// Version 1: one number of nanoseconds. Version 2: among other numbers, `usage_usec`.
    pub(super) fn cpu_usage(&self) -> io::Result<Option<File>> {
        match self {
            Self::V1 { cpuacct, .. } => read(cpuacct.as_deref(), "cpuacct.usage"),
            Self::V2(folder) => read(Some(folder), "cpu.stat"),
        }
    }

    /// Sets the quota in thousandths of a core; `None` takes it away.
    pub(crate) fn set_cpu_limit(&self, millicores: Option<u32>) -> io::Result<()> {
        let quota_us = millicores.map(|millicores| {
            (u64::from(millicores) * CPU_PERIOD_US / 1_000).max(CPU_QUOTA_US_MIN)
        });
        let quota = quota_us.map(|quota_us| quota_us.to_string());
        match self {
            Self::V1 { cpu, .. } => {
                let quota = quota.unwrap_or_else(|| "-1".to_owned());
                write(cpu.as_deref(), "cpu.cfs_quota_us", &quota)
            }
            Self::V2(folder) => {
                let quota = quota.unwrap_or_else(|| "max".to_owned());
                write(Some(folder), "cpu.max", &format!("{quota} {CPU_PERIOD_US}"))
            }
        }
    }

    pub(crate) fn can_freeze(&self) -> bool {
        !matches!(self, Self::V1 { freezer: None, .. })
    }

    /// Stops every process of the group where it stands, or lets all go on. Returns when the kernel has taken the
    /// order, at once when there is no freezer.
    pub(crate) fn freeze(&self, frozen: bool) -> io::Result<()> {
        match self {
            Self::V1 { freezer, .. } => {
                let state = if frozen { "FROZEN" } else { "THAWED" };
                write(freezer.as_deref(), "freezer.state", state)
            }
            Self::V2(folder) => {
                let state = if frozen { "1" } else { "0" };
                write(Some(folder), "cgroup.freeze", state)
            }
        }
    }

    /// Gives the server, which has no rights of its own, the files that it writes.
    pub(super) fn give_to(&self, server: (u32, u32)) -> io::Result<()> {
        match self {
            Self::V1 {
                memory,
                cpu,
                freezer,
                ..
            } => {
                give(memory.as_deref(), &pages::V1_FILES, server)?;
                give(cpu.as_deref(), &["cpu.cfs_quota_us"], server)?;
                give(freezer.as_deref(), &["freezer.state"], server)
            }
            Self::V2(folder) => {
                give(Some(folder), &pages::V2_FILES, server)?;
                give(Some(folder), &["cpu.max", "cgroup.freeze"], server)
            }
        }
    }
}

fn give(folder: Option<&Path>, files: &[&str], (uid, gid): (u32, u32)) -> io::Result<()> {
    for file in folder
        .iter()
        .flat_map(|folder| files.iter().map(|file| folder.join(file)))
    {
        match std::os::unix::fs::chown(file, Some(uid), Some(gid)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            given => given?,
        }
    }
    Ok(())
}

/// A file that this kernel, or a group without its controller, does not have is no error.
fn read(folder: Option<&Path>, file: &str) -> io::Result<Option<File>> {
    let Some(folder) = folder else {
        return Ok(None);
    };
    match File::open(folder.join(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

pub(super) fn write(folder: Option<&Path>, file: &str, value: &str) -> io::Result<()> {
    let Some(folder) = folder else {
        return Ok(());
    };
    match OpenOptions::new().write(true).open(folder.join(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file?.write_all(value.as_bytes()),
    }
}
