//! Version 2: one hierarchy for all controllers.

use super::group_files::GroupFiles;
use super::{Limits, files, stale, weight};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];
/// A group with groups below it may hold no process itself, so those that are there move here.
pub(super) const SERVER: &str = "lambkin-server";

/// Our group, with the controllers that its base could give.
pub(crate) struct Hierarchy {
    root: PathBuf,
    controllers: Vec<&'static str>,
    next: u64,
}

impl Hierarchy {
    /// Also tells the controllers that the machine lacks, or did not delegate.
    pub(super) fn make(base: &Path, name: &str) -> io::Result<(Self, Vec<&'static str>)> {
        let text = fs::read_to_string(base.join("cgroup.controllers"))?;
        let has = |name: &&str| text.split_whitespace().any(|one| one == *name);
        let (controllers, lacking): (Vec<_>, Vec<_>) = CONTROLLERS.into_iter().partition(has);
        pass_down(base, &controllers)?;
        let root = base.join(name);
        fs::create_dir_all(&root)?;
        files::write_if_there(&root, "cpu.weight", weight::ALL.weight)?;
        let hierarchy = Self {
            root,
            controllers,
            next: 0,
        };
        enable(&hierarchy.root, &hierarchy.controllers)?;
        Ok((hierarchy, lacking))
    }

    pub(super) fn create(&mut self, limits: &Limits) -> io::Result<Group> {
        let folder = self.root.join(self.next.to_string());
        self.next += 1;
        fs::create_dir(&folder)?;
        let made = limit(&folder, &self.controllers, limits).and_then(|()| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(openat(CWD, &folder, flags, Mode::empty())?)
        });
        match made {
            Ok(descriptor) => Ok(Group { folder, descriptor }),
            Err(error) => {
                // Empty as it is, it can be removed at once.
                let _ = files::remove(&folder);
                Err(error)
            }
        }
    }
}

impl Drop for Hierarchy {
    fn drop(&mut self) {
        stale::remove_tree(&self.root);
    }
}

fn enable(group: &Path, controllers: &[&str]) -> io::Result<()> {
    let words: Vec<String> = controllers.iter().map(|name| format!("+{name}")).collect();
    files::write(group, "cgroup.subtree_control", words.join(" "))
}

/// Lets groups below `base` have its controllers, moving its processes into one of them where the kernel
/// asks for that.
fn pass_down(base: &Path, controllers: &[&str]) -> io::Result<()> {
    if enable(base, controllers).is_ok() {
        return Ok(());
    }
    let server = base.join(SERVER);
    fs::create_dir_all(&server)?;
    for pid in files::processes(base)? {
        // One that has just ended is no obstacle; of one that cannot be moved the next call tells.
        let _ = files::write(&server, "cgroup.procs", pid);
    }
    enable(base, controllers)
}

fn limit(folder: &Path, controllers: &[&str], limits: &Limits) -> io::Result<()> {
    for controller in controllers {
        match *controller {
            "memory" => {
                files::write(folder, "memory.max", limits.memory_bytes)?;
                files::write_if_there(folder, "memory.swap.max", 0)?;
            }
            "pids" => files::write(folder, "pids.max", limits.processes_max)?,
            "cpu" => {
                let weight = weight::of_memory(limits.memory_bytes);
                files::write_if_there(folder, "cpu.weight", weight.weight)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A sandbox's group.
pub(crate) struct Group {
    folder: PathBuf,
    descriptor: OwnedFd,
}

impl Group {
    pub(super) fn clone_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    pub(super) fn door(&self) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .open(self.folder.join("cgroup.procs"))
    }

    pub(super) fn kill(&self) -> io::Result<()> {
        // Since Linux 5.14; before it, one by one.
        files::write(&self.folder, "cgroup.kill", 1)
            .or_else(|_| files::kill_processes(&self.folder))
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        files::remove(&self.folder)
    }

    pub(super) fn files(&self) -> GroupFiles {
        GroupFiles::V2(self.folder.clone())
    }
}
