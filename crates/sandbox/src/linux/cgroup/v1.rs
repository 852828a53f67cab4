//! Version 1: a hierarchy for each controller, or for a few together.

use super::meter::{CpuQuota, CpuUsage, Meter};
use super::mounts::{Base, CONTROLLERS};
use super::{Limits, files, stale};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The part of a sandbox's memory that buffers of TCP may take besides it: more than the kernel gives a machine of
/// that size by default.
const TCP_BUFFERS_DIVISOR: u64 = 4;

/// Our group in each hierarchy.
pub(crate) struct Hierarchy {
    roots: Vec<Root>,
    next: u64,
}

struct Root {
    path: PathBuf,
    controllers: Vec<String>,
}

impl Hierarchy {
    /// Also tells the controllers that the machine lacks.
    pub(super) fn make(bases: &[Base], name: &str) -> io::Result<(Self, Vec<&'static str>)> {
        let mut hierarchy = Self {
            roots: Vec::new(),
            next: 0,
        };
        for base in bases {
            let path = base.path.join(name);
            fs::create_dir_all(&path)?;
            hierarchy.roots.push(Root {
                path,
                controllers: base.controllers.clone(),
            });
        }
        let is_there = |name: &str| {
            bases
                .iter()
                .any(|base| base.controllers.iter().any(|one| one == name))
        };
        let lacking = CONTROLLERS
            .into_iter()
            .filter(|name| !is_there(name))
            .collect();
        Ok((hierarchy, lacking))
    }

    pub(super) fn create(&mut self, limits: &Limits) -> io::Result<Group> {
        let name = self.next.to_string();
        self.next += 1;
        let mut group = Group {
            memory: None,
            cpu: None,
            usage: None,
            folders: Vec::new(),
        };
        for root in &self.roots {
            let folder = root.path.join(&name);
            let made = fs::create_dir(&folder).and_then(|()| group.add(root, folder, limits));
            if let Err(error) = made {
                // Empty as it is, it can be removed at once.
                let _ = group.remove();
                return Err(error);
            }
        }
        Ok(group)
    }
}

impl Drop for Hierarchy {
    fn drop(&mut self) {
        self.roots
            .iter()
            .for_each(|root| stale::remove_tree(&root.path));
    }
}

/// A sandbox's group in each hierarchy.
pub(crate) struct Group {
    folders: Vec<PathBuf>,
    memory: Option<PathBuf>,
    cpu: Option<PathBuf>,
    usage: Option<PathBuf>,
}

impl Group {
    fn add(&mut self, root: &Root, folder: PathBuf, limits: &Limits) -> io::Result<()> {
        self.folders.push(folder.clone());
        for controller in &root.controllers {
            match controller.as_str() {
                "memory" => {
                    limit_memory(&folder, limits.memory_bytes)?;
                    self.memory = Some(folder.clone());
                }
                "pids" => files::write(&folder, "pids.max", limits.processes_max)?,
                "cpu" => self.cpu = Some(folder.clone()),
                _ => self.usage = Some(folder.clone()),
            }
        }
        Ok(())
    }

    /// `tasks` and not `cgroup.procs`: a process that moves itself, as one thread, need not wait until the kernel has
    /// stopped all forks of the machine, which takes some 10 ms.
    pub(super) fn entrances(&self) -> io::Result<Vec<File>> {
        let open = |folder: &PathBuf| OpenOptions::new().write(true).open(folder.join("tasks"));
        self.folders.iter().map(open).collect()
    }

    pub(super) fn kill(&self) -> io::Result<()> {
        self.folders
            .first()
            .map_or(Ok(()), |folder| files::kill_processes(folder))
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        self.folders
            .iter()
            .try_for_each(|folder| files::remove(folder))
    }

    pub(super) fn meter(&self) -> io::Result<Meter> {
        let open = |folder: &Option<PathBuf>, file: &str| {
            folder
                .as_ref()
                .map(|folder| File::open(folder.join(file)))
                .transpose()
        };
        let quota = self
            .cpu
            .as_ref()
            .map(|folder| open_quota(folder))
            .transpose()?;
        Ok(Meter {
            memory_peak: open(&self.memory, "memory.max_usage_in_bytes")?,
            memory_events: open(&self.memory, "memory.oom_control")?,
            cpu_usage: open(&self.usage, "cpuacct.usage")?.map(CpuUsage::Nanoseconds),
            cpu_quota: quota.map(CpuQuota::Quota),
        })
    }
}

/// Memory and swap together, and none of it swap. Buffers of TCP are counted apart, and without a limit of their own
/// one sandbox could fill those of the whole machine through its loopback.
fn limit_memory(folder: &Path, bytes: u64) -> io::Result<()> {
    files::write(folder, "memory.limit_in_bytes", bytes)?;
    files::write_if_there(
        folder,
        "memory.kmem.tcp.limit_in_bytes",
        bytes / TCP_BUFFERS_DIVISOR,
    )?;
    files::write_if_there(folder, "memory.memsw.limit_in_bytes", bytes)?;
    files::write_if_there(folder, "memory.swappiness", 0)
}

fn open_quota(folder: &Path) -> io::Result<File> {
    files::write(folder, "cpu.cfs_period_us", super::meter::CPU_PERIOD_US)?;
    OpenOptions::new()
        .write(true)
        .open(folder.join("cpu.cfs_quota_us"))
}
