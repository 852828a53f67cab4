//! What this machine cannot give, and what its owner can do about it.
//!
//! Nothing is weakened in silence: what isolation needs and the machine withholds ends the start, what only a
//! limit needs is named and left out.

use std::io;

use crate::creation::{MAKE_TUNNEL, OPEN_TUNNEL};
use crate::failure::Failure;
pub use crate::isolation::{Missing, Part};
use crate::linux::privilege::is_root;

impl Missing {
    /// Something that only a limit or a comfort needs.
    pub(crate) fn limit(part: Part, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            part,
            what: what.into(),
            remedy: remedy.into(),
            fatal: false,
        }
    }

    /// A step of making a sandbox that this machine refuses.
    pub(crate) fn fatal(failure: &Failure) -> Self {
        Self {
            part: Part::Creation,
            what: format!(
                "{}: {}: {}",
                match is_of_datagrams(failure) {
                    true => "functions cannot send UDP, which egress_udp asks for",
                    false => "sandboxes cannot be made",
                },
                failure.step,
                failure.source()
            ),
            remedy: remedy(failure),
            fatal: true,
        }
    }
}

/// /tmp without a loop device.
pub(crate) fn tmp_in_memory(failure: &Failure) -> Missing {
    Missing::limit(
        Part::Storage,
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
        Part::ControlGroups,
        format!(
            "memory and CPU of functions are not limited, and functions that wait are not frozen ({error})"
        ),
        "start as root, or with control groups delegated: systemd-run --user --scope -p Delegate=yes lambkin ...",
    )
}

/// No range of users to give to sandboxes.
pub(crate) fn one_user() -> Missing {
    Missing::limit(
        Part::Users,
        "all functions run as one user of this machine and share what it may have of files watched, \
         pipes and signals waiting",
        "start as root: then each environment has a user of its own",
    )
}

/// The second layer for files.
pub(crate) fn no_landlock() -> Missing {
    Missing::limit(
        Part::Landlock,
        "Landlock does not stand behind the mounts as a second layer",
        "boot with Landlock among the security modules: kernel command line lsm=landlock,...",
    )
}

/// Connections that lead out.
pub(crate) fn no_network(failure: &Failure) -> Missing {
    Missing::limit(
        Part::Network,
        format!(
            "functions have no network beyond their own loopback ({}: {})",
            failure.step,
            failure.source()
        ),
        network_remedy(failure.errno),
    )
}

fn network_remedy(errno: i32) -> &'static str {
    let ptrace = std::fs::read_to_string(YAMA_PTRACE).ok();
    let ptrace = ptrace.and_then(|text| text.trim().parse().ok());
    match errno {
        libc::EPERM if ptrace.is_some_and(|scope: u32| scope >= YAMA_ADMIN_ONLY) => YAMA,
        libc::EBUSY => {
            "somebody listens to the system calls of lambkin already, as some container engines do \
             (seccomp notifications): start it outside of that container"
        }
        _ => "Linux 5.15 or newer with seccomp notifications is needed (CONFIG_SECCOMP_FILTER)",
    }
}

/// Who may look into other processes of the same user.
const YAMA_PTRACE: &str = "/proc/sys/kernel/yama/ptrace_scope";
/// From here on a parent may not look into its children any more.
const YAMA_ADMIN_ONLY: u32 = 2;
const YAMA: &str = "let parents look into their children: sysctl -w kernel.yama.ptrace_scope=1";

const USER_NAMESPACES: &str = "allow user name spaces: sysctl -w kernel.unprivileged_userns_clone=1 \
    user.max_user_namespaces=100000; or start as root";
const PROC: &str = "/proc is partly covered, as in a container: start outside of it, or run the container \
    with its /proc unmasked (docker run --security-opt systempaths=unconfined)";
const TUNNEL: &str = "load the module for such devices and let every user open it, which gives nobody a right over the \
    machine's own network: modprobe tun && chmod 0666 /dev/net/tun (a service manager may have to allow the device, \
    see docs/network.md); or start without egress_udp";
const OTHER: &str = "Linux 5.15 or newer with user, mount, PID, network, IPC, UTS and cgroup name spaces \
    is needed; in a container it must be allowed to make them";
/// 1 where AppArmor takes every right from user name spaces of programs that have no profile.
const APPARMOR_RESTRICTS: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

fn is_of_datagrams(failure: &Failure) -> bool {
    [OPEN_TUNNEL, MAKE_TUNNEL].contains(&&*failure.step)
}

fn remedy(failure: &Failure) -> String {
    let denied = matches!(
        failure.errno,
        libc::EPERM | libc::EACCES | libc::ENOSPC | libc::EUSERS
    );
    let restricted =
        std::fs::read_to_string(APPARMOR_RESTRICTS).is_ok_and(|text| text.trim() == "1");
    match &*failure.step {
        _ if is_of_datagrams(failure) => TUNNEL.to_owned(),
        _ if denied && restricted && !is_root() => apparmor_profile(),
        "mount /proc" if denied => PROC.to_owned(),
        "make name spaces" | "make a user name space" | "map user ids" if denied => {
            USER_NAMESPACES.to_owned()
        }
        _ => OTHER.to_owned(),
    }
}

/// The command that gives this very program a profile; `contrib/apparmor/lambkin` is the same as a file.
fn apparmor_profile() -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "/usr/local/bin/lambkin".into());
    format!(
        "give lambkin an AppArmor profile: printf 'abi <abi/4.0>,\\nprofile lambkin {} \
        flags=(unconfined) {{ userns, }}\\n' | sudo tee /etc/apparmor.d/lambkin && \
        sudo apparmor_parser -r /etc/apparmor.d/lambkin",
        program.display()
    )
}
