//! New name spaces: the `clone3` that makes a sandbox's first process, and the maps of its user ids.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::Pid;

use crate::weaken::{self, Layer};

/// What a sandbox gets of its own at birth. The cgroup name space comes after the process was put into
/// its group, so that the group is its root.
const ALL: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// The flags of all of them.
pub(crate) fn all() -> i32 {
    match weaken::is_off(Layer::Userns) {
        true => ALL & !libc::CLONE_NEWUSER,
        false => ALL,
    }
}

/// Of linux/sched.h; beyond the type that libc gives it.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// Starts a process in new name spaces that runs `child` on a copy of this one's memory
/// and ends with it. The caller must
/// have one thread only: the copy has no other, and a lock that one held would stay locked.
/// With `CLONE_PARENT` among the flags it is a child of this one's parent.
pub(crate) fn clone(
    flags: i32,
    cgroup: Option<BorrowedFd<'_>>,
    child: impl FnOnce(),
) -> io::Result<(Pid, OwnedFd)> {
    let mut pidfd: libc::c_int = -1;
    // SAFETY: all fields of the structure are integers, for which zero is valid and means "not used".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags as u64 | libc::CLONE_PIDFD as u64;
    args.pidfd = (&raw mut pidfd).addr() as u64;
    if flags & libc::CLONE_PARENT == 0 {
        args.exit_signal = libc::SIGCHLD as u64;
    }
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: without CLONE_VM the child works on its own copy of memory, this stack included; `pidfd`
    // outlives the call, and the structure is passed with its size.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const args,
            size_of::<libc::clone_args>(),
        )
    };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // A panic must not unwind into the parent's loop, which this copy must never run.
            let _exit = ExitOnUnwind;
            child();
            exit(127)
        }
        pid => {
            // SAFETY: the kernel stored a new descriptor there, which nothing else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
            Ok((
                pid.ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?,
                pidfd,
            ))
        }
    }
}

struct ExitOnUnwind;

impl Drop for ExitOnUnwind {
    fn drop(&mut self) {
        exit(127);
    }
}

/// Ends this process at once: no destructor, no buffered output, nothing of the parent's runs.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: has no requirement and does not return.
    unsafe { libc::_exit(code) }
}

/// One id as a sandbox sees it and as its creator sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdMap {
    pub(crate) inside: u32,
    pub(crate) outside: u32,
}

impl IdMap {
    fn alone(self) -> String {
        format!("{} {} 1\n", self.inside, self.outside)
    }

    /// The same, and beside it all of a range by the numbers that they have outside but `others`: for the name spaces
    /// below.
    fn with(self, range: &Range<u32>, others: &[u32]) -> String {
        let mut map = self.alone();
        let mut first = range.start;
        let mut taken: Vec<u32> = [self.inside, self.outside].into_iter().collect();
        taken.extend(others);
        taken.retain(|id| range.contains(id));
        taken.sort_unstable();
        for end in taken.into_iter().chain([range.end]) {
            if end > first {
                map += &format!("{first} {first} {}\n", end - first);
            }
            first = first.max(end.saturating_add(1));
        }
        map
    }
}

/// The users and groups of one name space.
pub(crate) struct IdMaps {
    users: String,
    groups: String,
    deny_setgroups: bool,
}

impl IdMaps {
    /// One of each.
    pub(crate) fn alone(user: IdMap, group: IdMap, deny_setgroups: bool) -> Self {
        Self {
            users: user.alone(),
            groups: group.alone(),
            deny_setgroups,
        }
    }

    /// The same, and a range of each but `others` for the name spaces below. Needs privilege over the range.
    pub(crate) fn with(user: IdMap, group: IdMap, range: &Range<u32>, others: &[u32]) -> Self {
        Self {
            users: user.with(range, others),
            groups: group.with(range, others),
            deny_setgroups: false,
        }
    }

    /// Gives them to the name space of the process with that number in /proc.
    pub(crate) fn give_to(&self, pid: Pid) -> io::Result<()> {
        let folder = format!("/proc/{}", pid.as_raw_pid());
        if self.deny_setgroups {
            fs::write(format!("{folder}/setgroups"), "deny")?;
        }
        fs::write(format!("{folder}/gid_map"), &self.groups)?;
        fs::write(format!("{folder}/uid_map"), &self.users)
    }
}

/// What one user name space may have of what the kernel counts for a user, who without root is the same one for all
/// sandboxes, and the operator: no further name space, some of the machine's 128 watchers of files.
const LIMITS: [Limit; 12] = [
    ("max_user_namespaces", 0, BELOW_MAX),
    // Each mount that is not attached yet is in one.
    ("max_mnt_namespaces", 0, 64 * BELOW_MAX),
    ("max_pid_namespaces", 0, BELOW_MAX),
    ("max_net_namespaces", 0, BELOW_MAX),
    ("max_ipc_namespaces", 0, BELOW_MAX),
    ("max_uts_namespaces", 0, BELOW_MAX),
    ("max_cgroup_namespaces", 0, BELOW_MAX),
    ("max_time_namespaces", 0, 0),
    ("max_inotify_instances", 16, 16 * BELOW_MAX),
    ("max_inotify_watches", 8_192, 8_192 * BELOW_MAX),
    ("max_fanotify_groups", 0, 0),
    ("max_fanotify_marks", 0, 0),
];

/// Sandboxes below one.
pub(crate) const BELOW_MAX: u32 = 4_096;

/// The kernel's name of it, how many an ordinary sandbox may have, and one with others below it, whose ones count too.
type Limit = (&'static str, u32, u32);

/// Forbids more than that; `proc` is a writable /proc. Kernels without one of the kinds have no file for it.
pub(crate) fn forbid_more(proc: BorrowedFd<'_>) -> rustix::io::Result<()> {
    limit(proc, |(_, alone, _)| *alone)
}

/// Makes room for those of other sandboxes in the user name space that this process has entered, with all its
/// capabilities: once nothing of a function runs there any more.
pub(crate) fn allow_others_below() -> rustix::io::Result<()> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = open("/proc", flags, Mode::empty())?;
    limit(proc.as_fd(), |(_, _, with_others)| *with_others)
}

fn limit(proc: BorrowedFd<'_>, of: impl Fn(&Limit) -> u32) -> rustix::io::Result<()> {
    use rustix::fs::{Mode, OFlags, openat};
    // Without one of its own they would be the machine's.
    if weaken::is_off(Layer::Userns) {
        return Ok(());
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(proc, "sys/user", flags, Mode::empty())?;
    for limit in &LIMITS {
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        match openat(&folder, limit.0, flags, Mode::empty()) {
            Ok(file) => rustix::io::write(file, of(limit).to_string().as_bytes()).map(drop)?,
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_mapped_around_those_that_are_taken() {
        let user = IdMap {
            inside: 993,
            outside: 105,
        };
        assert_eq!(
            user.with(&(100..110), &[100]),
            "993 105 1\n101 101 4\n106 106 4\n"
        );
        assert_eq!(user.with(&(100..106), &[]), "993 105 1\n100 100 5\n");
        assert_eq!(
            user.with(&(990..1_000), &[]),
            "993 105 1\n990 990 3\n994 994 6\n"
        );
    }
}
