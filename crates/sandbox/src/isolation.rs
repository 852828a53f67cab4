//! What every sandbox of one spawner is made of on this machine, for whoever asks how strong it is.
//!
//! The seven name spaces, the system-call filter, the read-only root and the lack of capabilities are not told:
//! without any of them there is no sandbox.

use serde::{Deserialize, Serialize};

/// The parts that machines may differ in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// Whose rights an environment's processes have outside.
    pub users: Users,
    /// What limits memory, processes and CPU.
    pub control_groups: ControlGroups,
    /// What /tmp is.
    pub tmp: Tmp,
    /// Version of the kernel's Landlock interface, 0 where there is none.
    pub landlock: u32,
    /// How connections lead out.
    pub network: Network,
    /// Whether UDP leads out, too.
    pub datagrams: bool,
    /// What is not there, with remedies.
    pub missing: Vec<Missing>,
}

/// Users of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Users {
    /// One for each environment.
    Own,
    /// That of the server for all.
    Shared,
}

/// Control groups of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControlGroups {
    /// Version 1.
    V1,
    /// Version 2.
    V2,
    /// None that the server may use.
    None,
}

/// The file system at /tmp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tmp {
    /// On disk, one for each environment.
    Disk,
    /// In memory, and charged to the function's.
    Memory,
}

/// The way out of a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Pid 1 is notified of each `connect`, and the server makes it.
    Notification,
    /// There is none: sandboxes have loopback alone.
    None,
}

/// What a sandbox is made of, as far as a machine may lack it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The sandbox itself.
    Creation,
    /// Limits of memory, processes and CPU.
    ControlGroups,
    /// A user of the machine for each environment.
    Users,
    /// A file system of its own for /tmp.
    Storage,
    /// The second layer for files, signals and abstract sockets.
    Landlock,
    /// Connections out of sandboxes.
    Network,
}

/// What this machine cannot give, with the remedy; printed at start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The part that is missing, or missing in part.
    pub part: Part,
    /// What is missing, as its consequence.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether no sandbox can be made without it. A start with such a one fails.
    pub fatal: bool,
}

impl Isolation {
    /// Nothing at all: of a machine that cannot make sandboxes.
    pub(crate) fn none(missing: Vec<Missing>) -> Self {
        Self {
            users: Users::Shared,
            control_groups: ControlGroups::None,
            tmp: Tmp::Memory,
            landlock: 0,
            network: Network::None,
            datagrams: false,
            missing,
        }
    }

    /// Whether nothing is missing.
    pub fn is_full(&self) -> bool {
        self.missing.is_empty()
    }
}
