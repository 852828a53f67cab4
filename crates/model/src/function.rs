//! A function: what its owner set, which code it has, and where it is in its life.
//!
//! ```text
//! create -> Pending -> Active <-> (LastUpdate InProgress -> Successful | Failed)
//!                  \-> Failed
//! ```
//! A published version is the function as it was, Active from its first moment, and never changes.

use crate::{Environment, FunctionName, Logging, Runtime, Scope, Tags, Timestamp, Version};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One version of a function as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique in its scope.
    pub name: FunctionName,
    /// Which version it is.
    #[serde(default)]
    pub version: Version,
    /// Changes with the code and what the owner set, and with nothing else: two versions with the same are equal.
    #[serde(default)]
    pub content_id: Uuid,
    /// Changes with every change; guards updates.
    pub revision_id: Uuid,
    /// When its owner last changed it.
    pub last_modified: Timestamp,
    /// Whether it can be invoked.
    pub state: State,
    /// What became of the last update; absent until the function was Active once.
    pub last_update: Option<LastUpdate>,
    /// The package.
    pub code: Code,
    /// What the owner set.
    pub settings: Settings,
    /// The owner's tags.
    pub tags: Tags,
}

impl Function {
    /// The ARN without a qualifier.
    pub fn arn(&self) -> String {
        self.scope.function_arn(self.name.as_str())
    }

    /// The ARN of this very version.
    pub fn version_arn(&self) -> String {
        format!("{}:{}", self.arn(), self.version)
    }
}

/// Whether a function can be invoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Being made; invokes are refused.
    Pending,
    /// Can be invoked.
    Active,
    /// Could not be made.
    Failed,
}

/// What became of the last update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LastUpdate {
    /// Acknowledged; invokes still run what was there before.
    InProgress,
    /// Invokes run it.
    Successful,
    /// Invokes run what was there before.
    Failed,
}

/// Identity of a package; the bytes are in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// SHA-256 of the zip as it was uploaded.
    pub sha256: [u8; 32],
    /// Size of the zip in bytes.
    pub size_bytes: u64,
    /// Which sealed object holds it: random, unique per upload.
    pub blob: Uuid,
}

/// How the code comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackageType {
    /// A zip file.
    Zip,
}

/// A processor's instruction set, by AWS's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    /// Intel and AMD, 64 bit.
    X86_64,
    /// ARM, 64 bit.
    Arm64,
}

impl Architecture {
    /// The one this program was built for.
    pub const MACHINE: Self = if cfg!(target_arch = "aarch64") {
        Self::Arm64
    } else {
        Self::X86_64
    };

    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Which versions start from an initialised environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapStart {
    /// None of them.
    #[default]
    None,
    /// Those that are published while it is set.
    PublishedVersions,
}

/// What a function's owner set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Which runtime runs it.
    pub runtime: Runtime,
    /// ARN of its role; kept and shown, authorises nothing yet.
    pub role: String,
    /// What the runtime calls.
    pub handler: String,
    /// Free text.
    pub description: String,
    /// Longest run of an invoke, in seconds: 1 to 900.
    pub timeout_s: u32,
    /// Memory in MB (2^20 bytes): 128 to 10,240.
    pub memory_mb: u32,
    /// Size of `/tmp` in MB (2^20 bytes): 512 to 10,240.
    pub ephemeral_mb: u32,
    /// Variables; absent when never set. Sealed at rest, never printed.
    pub environment: Option<Environment>,
    /// How it logs.
    pub logging: Logging,
    /// How its code comes.
    pub package_type: PackageType,
    /// What its code is built for.
    pub architecture: Architecture,
    /// Which versions start from an initialised environment.
    #[serde(default)]
    pub snap_start: SnapStart,
}
