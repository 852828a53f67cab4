//! Landlock, the second layer for files: whatever a mount would let through, only a few places can be written.
//! Where the kernel has it, also signals and abstract sockets stay inside.

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use std::io;

/// The newest interface that is asked for; an older kernel enforces what it knows.
const NEWEST: ABI = ABI::V6;
/// Folders that a function may write in.
const WRITABLE: &[&str] = &["/tmp", "/dev/shm", "/dev/pts"];
/// Devices, and the files of a process about itself.
const WRITABLE_FILES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/proc",
];
/// What an unpacker fills.
const PACKAGE: &str = "/var/task";

/// Restricts this process and all it will start. `unpacks` lets it fill the package's folder.
pub(crate) fn restrict(unpacks: bool) -> io::Result<()> {
    let rules = || -> Result<(), RulesetError> {
        let mut ruleset = allow(empty()?, "/", AccessFs::from_read(NEWEST))?;
        for path in WRITABLE {
            ruleset = allow(ruleset, path, AccessFs::from_all(NEWEST))?;
        }
        for path in WRITABLE_FILES {
            ruleset = allow(ruleset, path, AccessFs::from_file(NEWEST))?;
        }
        if unpacks {
            ruleset = allow(ruleset, PACKAGE, AccessFs::from_all(NEWEST))?;
        }
        ruleset.restrict_self().map(drop)
    };
    rules().map_err(io::Error::other)
}

/// Whether this kernel has Landlock switched on.
pub(crate) fn is_there() -> bool {
    let strict = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1));
    strict.and_then(Ruleset::create).is_ok()
}

fn empty() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()
}

/// A path that this root does not have needs no rule.
fn allow(
    ruleset: RulesetCreated,
    path: &str,
    access: landlock::BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(folder) => ruleset.add_rule(PathBeneath::new(folder, access)),
        Err(_) => Ok(ruleset),
    }
}
