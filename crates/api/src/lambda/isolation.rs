//! How strongly a function is isolated here: a field of its configuration that AWS does not have, and that AWS's
//! clients skip.

use lambkin_engine::isolation::{ControlGroups, Isolation, Network, Tmp, Users};
use serde::Serialize;

/// `Isolation` of a function's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Shown {
    /// `Full` when nothing is missing.
    level: &'static str,
    /// What an environment's processes are outside: `OwnUser` or `SharedUser`.
    user: &'static str,
    /// `V1`, `V2` or `None`.
    control_groups: &'static str,
    /// `OwnFileSystem` or `Memory`.
    tmp: &'static str,
    /// Version of the kernel's interface; 0 is none.
    landlock: u32,
    /// How connections lead out: `Notification` or `None`.
    network: &'static str,
    /// Whether UDP leads out, too; only where it does.
    #[serde(rename = "EgressUdp", skip_serializing_if = "std::ops::Not::not")]
    datagrams: bool,
    /// What is missing, and what to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
}

pub(super) fn shown(isolation: &Isolation) -> Shown {
    Shown {
        level: match isolation.is_full() {
            true => "Full",
            false => "Limited",
        },
        user: match isolation.users {
            Users::Own => "OwnUser",
            Users::Shared => "SharedUser",
        },
        control_groups: match isolation.control_groups {
            ControlGroups::V1 => "V1",
            ControlGroups::V2 => "V2",
            ControlGroups::None => "None",
        },
        tmp: match isolation.tmp {
            Tmp::Disk => "OwnFileSystem",
            Tmp::Memory => "Memory",
        },
        landlock: isolation.landlock,
        network: network(isolation),
        datagrams: isolation.datagrams,
        missing: isolation
            .missing
            .iter()
            .map(|one| format!("{}; remedy: {}", one.what, one.remedy))
            .collect(),
    }
}

/// How connections leave an environment.
pub(crate) fn network(isolation: &Isolation) -> &'static str {
    match isolation.network {
        Network::Notification => "Notification",
        Network::None => "None",
    }
}
