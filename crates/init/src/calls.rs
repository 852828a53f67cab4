//! The calls that a clone makes on its way, in order: into the fresh sandbox, and there under all restrictions.
//!
//! The numbers of descriptors are known before: a template has the three standard ones, and the kernel gives the lowest
//! that is free.

use crate::cloning::Restrictions;
use crate::descriptors::{DOORS, INPUT, RULES};
use crate::kernel::registers::Calling;
use rustix::process::Pid;
use std::os::fd::RawFd;

/// A call, and what it is for.
pub(crate) type Step = (&'static str, Calling);

/// The user that a function runs as on AWS, and so in every sandbox.
pub const SANDBOX_UID: u32 = 993;
/// The group that a function runs as on AWS.
pub const SANDBOX_GID: u32 = 990;
/// The fresh sandbox's pid 1, and what is taken from it next.
const SOURCE: u64 = 3;
const TAKEN: u64 = 4;

const SPACES: u64 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u64;

/// Into the fresh sandbox of that pid 1. `text` is what enters a control group.
pub(crate) fn entry(init: Pid, restrictions: &Restrictions, text: u64) -> Vec<Step> {
    let take = |what, number: RawFd| step(what, libc::SYS_pidfd_getfd, [SOURCE, number as u64, 0]);
    let close = step("close a descriptor", libc::SYS_close, [TAKEN, 0, 0]);
    let number = init.as_raw_pid() as u64;
    let mut steps = vec![step(
        "find the fresh sandbox",
        libc::SYS_pidfd_open,
        [number, 0, 0],
    )];
    for door in (DOORS..).take(restrictions.doors) {
        let enter = "enter a control group";
        steps.extend([
            take(enter, door),
            step(enter, libc::SYS_write, [TAKEN, text, 1]),
            close,
        ]);
    }
    for (from, to) in [
        (INPUT, 0),
        (libc::STDOUT_FILENO, 1),
        (libc::STDERR_FILENO, 2),
    ] {
        let streams = "take its streams";
        steps.extend([
            take(streams, from),
            step(streams, libc::SYS_dup3, [TAKEN, to, 0]),
            close,
        ]);
    }
    if restrictions.landlock {
        steps.push(take("take rules", RULES));
    }
    steps.push(step(
        "enter name spaces",
        libc::SYS_setns,
        [SOURCE, SPACES, 0],
    ));
    steps
}

/// Under all restrictions; the last call returns the number of the listener. The filter, two empty sets of capabilities
/// behind their version, and the name of a folder lie at these places.
pub(crate) fn restriction(
    restrictions: &Restrictions,
    filter: u64,
    capabilities: u64,
    folder: u64,
) -> Vec<Step> {
    let user = "become its user";
    let mut steps = vec![
        step(user, libc::SYS_setsid, [0, 0, 0]),
        step("enter its folder", libc::SYS_chdir, [folder, 0, 0]),
        step(user, libc::SYS_setresgid, [SANDBOX_GID.into(); 3]),
        step(user, libc::SYS_setresuid, [SANDBOX_UID.into(); 3]),
    ];
    let drop_one = libc::PR_CAPBSET_DROP as u64;
    let drop = (0..=restrictions.last_capability)
        .map(|number| step("drop capabilities", libc::SYS_prctl, [drop_one, number, 0]));
    steps.extend(drop);
    let sets = [capabilities, capabilities + 8, 0];
    steps.push(step("drop capabilities", libc::SYS_capset, sets));
    // Pid 1 must look at its memory, as at any program's.
    let dumpable = [libc::PR_SET_DUMPABLE as u64, 1, 0];
    steps.push(step("open its memory", libc::SYS_prctl, dumpable));
    if restrictions.landlock {
        let rules = [TAKEN, 0, 0];
        steps.push(step(
            "restrict files",
            libc::SYS_landlock_restrict_self,
            rules,
        ));
    }
    let mode = u64::from(libc::SECCOMP_SET_MODE_FILTER);
    let filter = [mode, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER, filter];
    steps.push(step("filter calls", libc::SYS_seccomp, filter));
    steps
}

fn step(what: &'static str, number: i64, [a, b, c]: [u64; 3]) -> Step {
    let arguments = [a, b, c, 0, 0, 0];
    (what, Calling { number, arguments })
}
