//! What one sandbox is to be.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What one sandbox is made of: mounts that are attached nowhere yet, its user, its work.
pub(crate) struct Blueprint {
    pub(crate) root: OwnedFd,
    /// None where the code comes later.
    pub(crate) code: Option<CodeMounts>,
    /// Mounted at /tmp.
    pub(crate) tmp: Option<OwnedFd>,
    pub(crate) shm_bytes: u64,
    pub(crate) processes_max: u32,
    /// The user and group outside that the sandbox's ones are.
    pub(crate) owner: (u32, u32),
    pub(crate) job: Job,
}

/// Where a function's code is read.
pub(crate) struct CodeMounts {
    /// Mounted at /var/task.
    pub(crate) task: OwnedFd,
    /// Mounted at /var/compiled: what was compiled from it.
    pub(crate) compiled: Option<OwnedFd>,
}

/// What pid 1 does.
pub(crate) enum Job {
    /// Starts programs as it is told, with a listener for the Runtime API.
    Run(Part),
    /// Unpacks a package into /var/task, without any network.
    Unpack {
        package: OwnedFd,
        bytes_max: u64,
        entries_max: u32,
    },
}

/// The part that a sandbox has among others.
pub(crate) enum Part {
    /// None; it has loopback alone.
    Alone,
    /// None. Pid 1 makes the programs' calls with addresses for them, so that connections lead out of the sandbox.
    Connected,
    /// Its program becomes a template, for clones in sandboxes below it. Pid 1 writes to this when it has.
    Above(OwnedFd),
    /// As `Connected`, for a clone that comes from the sandbox of this pid 1.
    Below(OwnedFd),
}

impl Blueprint {
    /// Whether its first program waits for its code.
    pub(super) fn waits(&self) -> bool {
        self.code.is_none() && matches!(self.job, Job::Run(Part::Alone | Part::Connected))
    }
}

impl Job {
    pub(super) fn above(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Run(Part::Below(above)) => Some(above.as_fd()),
            _ => None,
        }
    }

    pub(super) fn has_others_below(&self) -> bool {
        matches!(self, Self::Run(Part::Above(_)))
    }

    /// Whether pid 1 makes calls with addresses.
    pub(super) fn has_network(&self) -> bool {
        matches!(self, Self::Run(Part::Connected | Part::Below(_)))
    }
}
