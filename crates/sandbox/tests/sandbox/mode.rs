//! The privilege that a run of the cases has, and the way to it.
//!
//! ```text
//! started as root          ─▶ root, user, delegated: each in processes of its own
//! started as anybody else  ─▶ that user, with control groups or without
//! ```
//! `--mode MODE` asks for one of them. Nothing here gives a right that the one who started it has not.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use lambkin_sandbox::is_root;
use tempfile::TempDir;

/// Users that no account has: between those of systemd's homes and those of its services. One for each run, so
/// that runs at the same time share no key ring and no limit.
const FIRST_USER: u32 = 60_600;
const USERS: u32 = 500;

/// That of this process, which runs one case.
static OWN: OnceLock<Mode> = OnceLock::new();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything there is.
    Root,
    /// An ordinary user, with no control group that it may write.
    User,
    /// An ordinary user with a control group of its own, as systemd delegates one.
    Delegated,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Root, Self::User, Self::Delegated];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
            Self::Delegated => "delegated",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// That of this process, once `begin` has told.
    pub(crate) fn own() -> Self {
        *OWN.get().expect("a case that has begun")
    }

    pub(crate) fn begin(self) {
        assert_eq!(is_root(), self == Self::Root, "{}", self.name());
        OWN.set(self).expect("one case in a process");
    }

    /// Those that this process can give.
    pub(crate) fn possible() -> Vec<Self> {
        if !is_root() {
            vec![Self::found()]
        } else if version_1_groups().is_empty() {
            // On version 2 systemd delegates; started by it, this program finds itself in that mode.
            vec![Self::Root, Self::User]
        } else {
            Self::ALL.to_vec()
        }
    }

    /// That of an ordinary user, by what it may do.
    fn found() -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let writable = own.lines().any(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(names), Some(path)) = (fields.next(), fields.next()) else {
                return false;
            };
            let folder = Path::new("/sys/fs/cgroup").join(names);
            names != "name=systemd" && may_write(&folder.join(path.trim_start_matches('/')))
        });
        if writable {
            Self::Delegated
        } else {
            Self::User
        }
    }
}

fn may_write(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

/// What a run in a mode needs while it lasts.
pub(crate) struct Run {
    mode: Mode,
    program: PathBuf,
    user: Option<u32>,
    groups: Vec<PathBuf>,
    /// Holds a copy of this program that the user may read, wherever the original lies.
    _folder: Option<TempDir>,
}

impl Run {
    pub(crate) fn prepare(mode: Mode) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        if mode == Mode::Root || !is_root() {
            return Ok(Self {
                mode,
                program,
                user: None,
                groups: Vec::new(),
                _folder: None,
            });
        }
        let user = FIRST_USER + std::process::id() % USERS;
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let copy = folder.path().join("sandbox");
        fs::copy(&program, &copy)?;
        let mut groups = Vec::new();
        if mode == Mode::Delegated {
            for hierarchy in version_1_groups() {
                groups.push(delegate(&hierarchy, user)?);
            }
        }
        Ok(Self {
            mode,
            program: copy,
            user: Some(user),
            groups,
            _folder: Some(folder),
        })
    }

    /// This program, to run one case in this mode.
    pub(crate) fn command(&self, case: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["__case", self.mode.name(), case]);
        if let Some(user) = self.user {
            // Clears the supplementary groups too.
            command.uid(user).gid(user);
        }
        command
    }

    /// Enters the groups for good: of this process, whose children are born there.
    pub(crate) fn enter(&self) -> io::Result<Entered> {
        let own = std::process::id().to_string();
        for group in &self.groups {
            fs::write(group.join("cgroup.procs"), &own)?;
        }
        Ok(Entered {
            groups: self.groups.clone(),
        })
    }
}

/// This process is in the groups of a run for as long as this lives.
pub(crate) struct Entered {
    groups: Vec<PathBuf>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let own = std::process::id().to_string();
        for group in &self.groups {
            let left = group
                .parent()
                .map(|parent| fs::write(parent.join("cgroup.procs"), &own));
            // A group that is left behind is empty and shows in the next listing of the machine's.
            let _ = left.map(|left| left.and_then(|()| remove(group)));
        }
    }
}

/// Dead processes whose parents are dead too are in it until the machine's init has looked after them.
fn remove(group: &Path) -> io::Result<()> {
    let until = Instant::now() + Duration::from_secs(2);
    loop {
        match fs::remove_dir(group) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

/// Makes a group below this process's own and gives it to the user, as systemd does.
fn delegate(hierarchy: &Path, user: u32) -> io::Result<PathBuf> {
    let group = hierarchy.join(format!("delegated-{}", std::process::id()));
    fs::create_dir(&group)?;
    chown(&group, Some(user), Some(user))?;
    for file in ["tasks", "cgroup.procs"] {
        chown(group.join(file), Some(user), Some(user))?;
    }
    Ok(group)
}

/// This process's group in each hierarchy of version 1 that limits something.
fn version_1_groups() -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let groups = own.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (names, path) = (fields.next()?, fields.next()?);
        let limits = names
            .split(',')
            .any(|name| ["memory", "cpu", "cpuacct", "pids", "freezer"].contains(&name));
        let root = Path::new("/sys/fs/cgroup").join(names);
        let group = root.join(path.trim_start_matches('/'));
        // In a container the path may be that of the machine, of which only the root is in sight.
        let seen = if group.is_dir() { group } else { root };
        (limits && seen.join("tasks").exists()).then_some(seen)
    });
    groups.collect()
}
