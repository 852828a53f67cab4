//! Version 1: a hierarchy for each controller, or for a few together.

use super::group_files::GroupFiles;
use super::mounts::{Base, CONTROLLERS};
use super::{Limits, files, stale, weight};
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
            files::write_if_there(&path, "cpu.shares", weight::ALL.shares)?;
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
            folders: Vec::new(),
            files: GroupFiles::V1 {
                memory: None,
                cpu: None,
                cpuacct: None,
                freezer: None,
            },
        };
        let made = self
            .roots
            .iter()
            .try_for_each(|root| group.add(root, root.path.join(&name), limits));
        match made {
            Ok(()) => Ok(group),
            Err(error) => {
                // Empty as it is, it can be removed at once.
                let _ = group.remove();
                Err(error)
            }
        }
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
    files: GroupFiles,
}

impl Group {
    fn add(&mut self, root: &Root, folder: PathBuf, limits: &Limits) -> io::Result<()> {
        fs::create_dir(&folder)?;
        self.folders.push(folder.clone());
        let GroupFiles::V1 {
            memory,
            cpu,
            cpuacct,
            freezer,
        } = &mut self.files
        else {
            return Ok(());
        };
        for controller in &root.controllers {
            match controller.as_str() {
                "memory" => {
                    limit_memory(&folder, limits.memory_bytes)?;
                    *memory = Some(folder.clone());
                }
                "pids" => files::write(&folder, "pids.max", limits.processes_max)?,
                "cpu" => {
                    files::write(
                        &folder,
                        "cpu.cfs_period_us",
                        super::group_files::CPU_PERIOD_US,
                    )?;
                    let weight = weight::of_memory(limits.memory_bytes);
                    files::write_if_there(&folder, "cpu.shares", weight.shares)?;
                    *cpu = Some(folder.clone());
                }
                "freezer" => *freezer = Some(folder.clone()),
                _ => *cpuacct = Some(folder.clone()),
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

    /// A frozen process dies when it is thawed.
    pub(super) fn kill(&self) -> io::Result<()> {
        let killed = self
            .folders
            .first()
            .map_or(Ok(()), |folder| files::kill_processes(folder));
        killed.and(self.files.freeze(false))
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        self.folders
            .iter()
            .try_for_each(|folder| files::remove(folder))
    }

    pub(super) fn files(&self) -> &GroupFiles {
        &self.files
    }
}

/// Memory and swap together, and none of it swap while the machine has another way out. Buffers of TCP are counted apart, and without a limit of their own
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
