//! New name spaces: the `clone3` that makes a sandbox's first process, and the maps of its user ids.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

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
    args.exit_signal = libc::SIGCHLD as u64;
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

/// Gives the user name space of `pid` its only user and group.
pub(crate) fn map_ids(pid: Pid, uid: IdMap, gid: IdMap, deny_setgroups: bool) -> io::Result<()> {
    let folder = format!("/proc/{}", pid.as_raw_pid());
    if deny_setgroups {
        fs::write(format!("{folder}/setgroups"), "deny")?;
    }
    fs::write(
        format!("{folder}/gid_map"),
        format!("{} {} 1", gid.inside, gid.outside),
    )?;
    fs::write(
        format!("{folder}/uid_map"),
        format!("{} {} 1", uid.inside, uid.outside),
    )
}

/// What one user name space may have of what the kernel counts for a user, who without root is the same one for all
/// sandboxes, and the operator: no further name space, some of the machine's 128 watchers of files.
const LIMITS: [(&str, &str); 12] = [
    ("max_user_namespaces", "0"),
    ("max_mnt_namespaces", "0"),
    ("max_pid_namespaces", "0"),
    ("max_net_namespaces", "0"),
    ("max_ipc_namespaces", "0"),
    ("max_uts_namespaces", "0"),
    ("max_cgroup_namespaces", "0"),
    ("max_time_namespaces", "0"),
    ("max_inotify_instances", "16"),
    ("max_inotify_watches", "8192"),
    ("max_fanotify_groups", "0"),
    ("max_fanotify_marks", "0"),
];

/// Forbids more than that; `proc` is a writable /proc. Kernels without one of the kinds have no file for it.
pub(crate) fn forbid_more(proc: BorrowedFd<'_>) -> rustix::io::Result<()> {
    use rustix::fs::{Mode, OFlags, openat};
    // Without one of its own they would be the machine's.
    if weaken::is_off(Layer::Userns) {
        return Ok(());
    }
    for (name, limit) in LIMITS {
        let path = format!("sys/user/{name}");
        match openat(proc, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(file) => rustix::io::write(file, limit.as_bytes()).map(drop)?,
            Err(rustix::io::Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
