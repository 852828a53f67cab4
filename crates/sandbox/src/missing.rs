//! What this machine cannot give, and what its owner can do about it.
//!
//! Nothing is weakened in silence: what isolation needs and the machine withholds ends the start, what only a
//! limit needs is named and left out.

use std::io;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// What this machine cannot give, with the remedy; printed at start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What is missing, as its consequence.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether no sandbox can be made without it. A start with such a one fails.
    pub fatal: bool,
}

impl Missing {
    /// Something that only a limit or a comfort needs.
    pub(crate) fn limit(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            fatal: false,
        }
    }

    /// A step of making a sandbox that this machine refuses.
    pub(crate) fn fatal(failure: &Failure) -> Self {
        Self {
            what: format!(
                "sandboxes cannot be made: {}: {}",
                failure.step,
                failure.source()
            ),
            remedy: remedy(failure).to_owned(),
            fatal: true,
        }
    }
}

/// /tmp without a loop device.
pub(crate) fn tmp_in_memory(failure: &Failure) -> Missing {
    Missing::limit(
        format!(
            "/tmp is charged to the function's memory ({}: {})",
            failure.step,
            failure.source()
        ),
        "start as root on a machine with loop devices (modprobe loop) and mke2fs (apt install e2fsprogs)",
    )
}

/// No control groups at all.
pub(crate) fn no_groups(error: &io::Error) -> Missing {
    Missing::limit(
        format!("memory, processes and CPU of functions are not limited ({error})"),
        "start as root, or with control groups delegated: systemd-run --user --scope -p Delegate=yes lambkin ...",
    )
}

/// No range of users to give to sandboxes.
pub(crate) fn one_user() -> Missing {
    Missing::limit(
        "all functions run as one user of this machine and share what it may have of files watched, \
         pipes and signals waiting",
        "start as root: then each environment has a user of its own",
    )
}

/// The second layer for files.
pub(crate) fn no_landlock() -> Missing {
    Missing::limit(
        "Landlock does not stand behind the mounts as a second layer",
        "boot with Landlock among the security modules: kernel command line lsm=landlock,...",
    )
}

const USER_NAMESPACES: &str = "allow user name spaces: sysctl -w kernel.unprivileged_userns_clone=1 \
    user.max_user_namespaces=10000, and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0; or start as root";
const PROC: &str = "/proc is partly covered, as in a container: start outside of it, or run the container \
    with its /proc unmasked (docker run --security-opt systempaths=unconfined)";
const OTHER: &str = "Linux 5.15 or newer with user, mount, PID, network, IPC, UTS and cgroup name spaces \
    is needed; in a container it must be allowed to make them";

fn remedy(failure: &Failure) -> &'static str {
    let denied = matches!(
        failure.errno,
        libc::EPERM | libc::EACCES | libc::ENOSPC | libc::EUSERS
    );
    match &*failure.step {
        "mount /proc" if denied => PROC,
        "make name spaces" | "make a user name space" | "map user ids" if denied => USER_NAMESPACES,
        _ => OTHER,
    }
}
