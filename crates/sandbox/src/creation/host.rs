//! What all sandboxes of a spawner share.

use std::ops::Range;
use std::os::fd::OwnedFd;

use crate::config::SpawnerConfig;
use crate::failure::{Failure, at};
use crate::linux::mount_spaces::MountSpaces;
use crate::linux::seccomp::Holder;
use crate::linux::{image, landlock, pidfd, seccomp, tunnel};

use super::OPEN_TUNNEL;

/// What all sandboxes of this spawner share; made once.
pub(crate) struct Host {
    pub(crate) spaces: MountSpaces,
    pub(crate) rootless: bool,
    /// Users of sandboxes, as root; and the server's, which none of them has.
    pub(super) users: Range<u32>,
    pub(super) server: Option<(u32, u32)>,
    pub(super) init: OwnedFd,
    pub(super) filters: Filters,
    pub(super) landlock_has_network: bool,
    pub(super) spawner: OwnedFd,
    /// Of the device for the way out of datagrams, where there is to be one.
    pub(super) tunnels: Option<OwnedFd>,
}

/// System-call filters; made once.
pub(super) struct Filters {
    /// Of a pid 1 that makes its programs' calls.
    pub(super) helper: Vec<libc::sock_filter>,
    /// Of one that makes clones of its program.
    pub(super) keeper: Vec<libc::sock_filter>,
    /// Of any other.
    pub(super) other: Vec<libc::sock_filter>,
    /// The second one of programs, for pid 1 to read.
    pub(super) programs: OwnedFd,
    /// The same of programs that become templates.
    pub(super) templates: OwnedFd,
}

impl Host {
    pub(crate) fn prepare(
        spaces: MountSpaces,
        rootless: bool,
        config: &SpawnerConfig,
    ) -> Result<Self, Failure> {
        let tunnels = config.datagrams.then(tunnel::folder).transpose();
        Ok(Self {
            spaces,
            rootless,
            users: config.uids.clone(),
            server: config.server,
            init: image::sealed_program().map_err(at("seal the image of pid 1"))?,
            filters: Filters {
                helper: seccomp::program(Holder::Helper),
                keeper: seccomp::program(Holder::Keeper),
                other: seccomp::program(Holder::Other),
                programs: image::sealed_filter(&seccomp::program_of_programs())
                    .map_err(at("seal a filter"))?,
                templates: image::sealed_filter(&seccomp::program_of_templates())
                    .map_err(at("seal a filter"))?,
            },
            landlock_has_network: landlock::has_network(),
            spawner: pidfd::of_self().map_err(at("open the spawner's process"))?,
            tunnels: tunnels.map_err(at(OPEN_TUNNEL))?,
        })
    }
}
