//! What this machine gives to sandboxes, set up once, and the starting of one process tree from it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode};
use rustix::mount::MountAttrFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::code_trees::CodeTrees;
use super::root_templates::RootTemplates;
use super::users::Users;
use crate::config::SpawnerConfig;
use crate::creation::{self, Begun, Blueprint, CodeMounts, Host, Job, Part};
use crate::failure::{Failure, at};
use crate::isolation::{self, ControlGroups, Isolation, Network, Tmp};
use crate::linux::cgroup::{self, Group, Hierarchy};
use crate::linux::mount_spaces::MountSpaces;
use crate::linux::tmp_image::TmpImages;
use crate::linux::{landlock, mounts, privilege, user_space};
use crate::missing::{self, Missing};
use crate::profile::{self, Step};
use crate::protocol::{Code, CreateSandbox};
use crate::spec::Root;

/// Mount points and nodes only; what is mounted there has limits of its own.
const WORK_BYTES: u64 = 16 << 20;
const WORK_INODES: u64 = 65_536;
/// One inode of a /tmp in memory for this many bytes, as in an image.
const TMP_BYTES_PER_INODE: u64 = 16_384;
/// What an unpacker needs beside the unpacked bytes, which are charged to it while it writes.
const UNPACKER_BYTES: u64 = 64 << 20;
/// What an entry costs beside its bytes: the rest of its last page, the kernel's inode and name, and what the reader
/// keeps of it. Without this, many small files are killed for want of memory and not refused or unpacked.
const UNPACKER_ENTRY_BYTES: u64 = 7 << 10;
const UNPACKER_PROCESSES_MAX: u32 = 8;

pub(super) struct Machine {
    host: Host,
    hierarchy: Option<Hierarchy>,
    /// What the server becomes, where that is somebody else.
    server: Option<(u32, u32)>,
    users: Users,
    templates: RootTemplates,
    tmp: Option<TmpImages>,
    /// Whether connections can lead out of sandboxes.
    pub(super) has_network: bool,
    /// Whether datagrams can.
    pub(super) has_datagrams: bool,
    pub(super) trees: CodeTrees,
    /// Groups of creations that failed, in which somebody still died.
    left: Vec<Group>,
}

/// A process tree at its start, with what must be given back after its end.
pub(super) struct Started {
    pub(super) begun: Begun,
    pub(super) group: Option<Group>,
    pub(super) uid: u32,
}

impl Machine {
    /// Leaves the machine's name spaces. What only limits need and is not there goes to `missing`.
    pub(super) fn prepare(
        config: &SpawnerConfig,
        missing: &mut Vec<Missing>,
    ) -> Result<Self, Failure> {
        let rootless = !privilege::is_root();
        // Fails only for the leader of a group, which is alone already.
        let _ = rustix::process::setsid();
        // Folders of a root are for all to enter, whatever the umask that the server was started with.
        rustix::process::umask(Mode::WGRP | Mode::WOTH);
        raise(Resource::Nofile).map_err(at("raise the limit of descriptors"))?;
        // What it is when a name space is made bounds what is in there, and those below: sandboxes have their own.
        raise_processes().map_err(at("raise the limit of processes"))?;
        fs::create_dir_all(&config.work_dir).map_err(at("make the work folder"))?;
        #[cfg(feature = "weaken")]
        crate::weaken::check(rootless)?;
        let hierarchy = detect_groups(missing);
        if landlock::version() == 0 {
            missing.push(missing::no_landlock());
        }
        if rootless {
            user_space::enter()?;
        } else {
            rustix::thread::set_thread_groups(&[]).map_err(at("leave all groups"))?;
        }
        let spaces = MountSpaces::separate()?;
        mount_work(&config.work_dir)?;
        let users = if rootless {
            missing.push(missing::one_user());
            Users::Own
        } else {
            Users::from_range(config.uids.clone(), config.server)
        };
        Ok(Self {
            host: Host::prepare(spaces, rootless, config)?,
            hierarchy,
            server: config.server.filter(|_| !rootless),
            users,
            templates: RootTemplates::new(config.work_dir.join("roots")),
            tmp: open_tmp(&config.work_dir, rootless, missing),
            has_datagrams: config.datagrams,
            has_network: !crate::weaken::is_off(crate::weaken::Layer::Seccomp),
            trees: CodeTrees::new(config.work_dir.join("code")),
            left: Vec::new(),
        })
    }

    /// What its sandboxes are made of, given what has been found missing.
    pub(super) fn isolation(&self, missing: Vec<Missing>) -> Isolation {
        Isolation {
            users: match self.users {
                Users::Own => isolation::Users::Shared,
                _ => isolation::Users::Own,
            },
            control_groups: match self.hierarchy {
                Some(Hierarchy::V1(_)) => ControlGroups::V1,
                Some(Hierarchy::V2(_)) => ControlGroups::V2,
                None => ControlGroups::None,
            },
            tmp: match self.tmp {
                Some(_) => Tmp::Disk,
                None => Tmp::Memory,
            },
            landlock: landlock::version(),
            network: match self.has_network {
                true => Network::Notification,
                false => Network::None,
            },
            datagrams: self.has_datagrams,
            missing,
        }
    }

    pub(super) fn start_sandbox(
        &mut self,
        wanted: &CreateSandbox,
        part: Part,
    ) -> Result<Started, Failure> {
        self.start(
            wanted.memory_bytes,
            wanted.processes_max,
            |machine, owner| {
                Ok(Blueprint {
                    root: machine.templates.copy(&wanted.root)?,
                    code: wanted.code.map(|code| machine.copies(code)).transpose()?,
                    tmp: Some(machine.make_tmp(wanted.tmp_bytes, owner)?),
                    // As on any Linux: half of the memory, so that filling it is an error and no kill.
                    shm_bytes: wanted.memory_bytes / 2,
                    processes_max: wanted.processes_max,
                    owner,
                    job: Job::Run(part),
                })
            },
        )
    }

    /// Also tells the tree that it fills.
    pub(super) fn start_unpacker(
        &mut self,
        package: OwnedFd,
        bytes_max: u64,
        entries_max: u32,
    ) -> Result<(Started, u64), Failure> {
        let mut filled = None;
        let memory = bytes_max
            .saturating_add(u64::from(entries_max) * UNPACKER_ENTRY_BYTES)
            .saturating_add(UNPACKER_BYTES);
        let started = self.start(memory, UNPACKER_PROCESSES_MAX, |machine, owner| {
            let root = machine.templates.copy(&Root::default())?;
            let (tree, task) = machine.trees.begin(bytes_max, entries_max, owner)?;
            filled = Some(tree);
            let job = Job::Unpack {
                package,
                bytes_max,
                entries_max,
            };
            Ok(Blueprint {
                root,
                code: Some(CodeMounts {
                    task,
                    compiled: None,
                }),
                tmp: None,
                shm_bytes: 1 << 20,
                processes_max: UNPACKER_PROCESSES_MAX,
                owner,
                job,
            })
        });
        match (started, filled) {
            (Ok(started), Some(tree)) => Ok((started, tree)),
            (Err(failure), tree) => {
                tree.into_iter().for_each(|tree| self.trees.free(tree));
                Err(failure)
            }
            (Ok(_), None) => Err(Failure::new(
                "make memory for a package",
                rustix::io::Errno::IO,
            )),
        }
    }

    fn start(
        &mut self,
        memory_bytes: u64,
        processes_max: u32,
        draw: impl FnOnce(&mut Self, (u32, u32)) -> Result<Blueprint, Failure>,
    ) -> Result<Started, Failure> {
        let uid = self.users.take()?;
        let begun = self.start_as(uid, memory_bytes, processes_max, draw);
        match begun {
            Ok((begun, group)) => Ok(Started { begun, group, uid }),
            Err(failure) => {
                self.users.give_back(uid);
                Err(failure)
            }
        }
    }

    fn start_as(
        &mut self,
        uid: u32,
        memory_bytes: u64,
        processes_max: u32,
        draw: impl FnOnce(&mut Self, (u32, u32)) -> Result<Blueprint, Failure>,
    ) -> Result<(Begun, Option<Group>), Failure> {
        profile::begin_outside();
        let blueprint = draw(self, (uid, uid))?;
        profile::done(Step::Copies);
        let limits = cgroup::Limits {
            memory_bytes,
            processes_max,
        };
        let group = self
            .make_group(&limits)
            .map_err(at("make a control group"))?;
        profile::done(Step::Group);
        match creation::begin(&self.host, &blueprint, group.as_ref()) {
            Ok(begun) => Ok((begun, group)),
            Err(failure) => {
                self.leave(group);
                Err(failure)
            }
        }
    }

    /// A group of a creation that failed.
    pub(super) fn leave(&mut self, group: Option<Group>) {
        self.left.extend(group);
    }

    /// Removes the groups of creations that failed; false while somebody still dies in one.
    pub(super) fn remove_left(&mut self) -> bool {
        self.left.retain(|group| group.remove().is_err());
        self.left.is_empty()
    }

    fn make_group(&mut self, limits: &cgroup::Limits) -> io::Result<Option<Group>> {
        let Some(hierarchy) = &mut self.hierarchy else {
            return Ok(None);
        };
        let group = hierarchy.create(limits)?;
        if let Some(server) = self.server
            && let Err(error) = group.give_to(server)
        {
            // Empty as it is, it can be removed at once.
            let _ = group.remove();
            return Err(error);
        }
        Ok(Some(group))
    }

    fn make_tmp(&mut self, size_bytes: u64, owner: (u32, u32)) -> Result<OwnedFd, Failure> {
        match &mut self.tmp {
            Some(images) => images.take(size_bytes, owner),
            None => tmp_in_memory(size_bytes, owner),
        }
    }

    /// Where the sandbox runs nothing of a function yet: what is at the path is as the root's template has it.
    pub(super) fn mount_code(&self, space: &OwnedFd, code: Code) -> Result<(), Failure> {
        let CodeMounts { task, compiled } = self.copies(code)?;
        let task = [(&task, "/var/task")];
        let compiled = compiled.iter().map(|compiled| (compiled, "/var/compiled"));
        self.host
            .spaces
            .attach_in(space, task.into_iter().chain(compiled))
    }

    fn copies(&self, code: Code) -> Result<CodeMounts, Failure> {
        let compiled = code.compiled.map(|tree| self.trees.copy(tree));
        Ok(CodeMounts {
            task: self.trees.copy(code.tree)?,
            compiled: compiled.transpose()?,
        })
    }

    pub(super) fn release_user(&mut self, uid: u32) {
        self.users.give_back(uid);
    }

    pub(super) fn can_prepare_ahead(&self) -> bool {
        self.tmp.as_ref().is_some_and(TmpImages::wants_refill)
    }

    /// Does one short piece of work that a later creation would have to do.
    pub(super) fn prepare_ahead(&mut self) {
        if let Some(images) = &mut self.tmp {
            images.refill();
        }
    }
}

/// The soft limit to the hard one.
fn raise(resource: Resource) -> rustix::io::Result<()> {
    let hard = getrlimit(resource).maximum;
    set_both(resource, hard)
}

/// Root has none.
fn raise_processes() -> rustix::io::Result<()> {
    set_both(Resource::Nproc, None).or_else(|_| raise(Resource::Nproc))
}

fn set_both(resource: Resource, limit: Option<u64>) -> rustix::io::Result<()> {
    let limit = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(resource, limit)
}

fn detect_groups(missing: &mut Vec<Missing>) -> Option<Hierarchy> {
    match Hierarchy::detect() {
        Ok((hierarchy, lacking)) => {
            missing.extend(lacking);
            Some(hierarchy)
        }
        Err(error) => {
            missing.push(missing::no_groups(&error));
            None
        }
    }
}

fn mount_work(folder: &Path) -> Result<(), Failure> {
    let tmpfs = mounts::Tmpfs {
        size_bytes: WORK_BYTES,
        inodes_max: WORK_INODES,
        mode: "700",
        owner: None,
    };
    let tree = tmpfs
        .make(MountAttrFlags::MOUNT_ATTR_NOSUID)
        .map_err(at("make the work folder"))?;
    mounts::attach(tree, CWD, folder).map_err(at("mount the work folder"))
}

/// Images of /tmp, if one can really be made and mounted.
fn open_tmp(work: &Path, rootless: bool, missing: &mut Vec<Missing>) -> Option<TmpImages> {
    let folder = work.parent().unwrap_or(work);
    let tried = || -> Result<TmpImages, Failure> {
        if rootless {
            return Err(Failure::new(
                "use loop devices without root",
                rustix::io::Errno::PERM,
            ));
        }
        let mut images = TmpImages::open(folder, work.join("loop"))?;
        images.take(TRIAL_BYTES, (0, 0)).map(drop)?;
        Ok(images)
    };
    tried()
        .map_err(|failure| missing.push(missing::tmp_in_memory(&failure)))
        .ok()
}

/// The default of EphemeralStorage, so that its template is there for the first function.
const TRIAL_BYTES: u64 = 512 << 20;

fn tmp_in_memory(size_bytes: u64, owner: (u32, u32)) -> Result<OwnedFd, Failure> {
    let tmpfs = mounts::Tmpfs {
        size_bytes,
        inodes_max: size_bytes / TMP_BYTES_PER_INODE + 1,
        mode: "1777",
        owner: Some(owner),
    };
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    tmpfs.make(attributes).map_err(at("make /tmp"))
}
