//! Landlock, the second layer for files: whatever a mount would let through, only a few places can be written.
//! Where the kernel has it, also signals and abstract sockets stay inside.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use std::io;
use std::os::fd::OwnedFd;

use crate::weaken::{self, Layer};

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
        let mut ruleset = fill(files()?.create()?)?;
        if unpacks {
            ruleset = allow(ruleset, PACKAGE, AccessFs::from_all(NEWEST))?;
        }
        ruleset.restrict_self().map(drop)
    };
    rules().map_err(io::Error::other)
}

/// The same rules for a clone to put itself under, and those for TCP with them. `None` where the kernel has none.
pub(crate) fn rules_of_clones() -> io::Result<Option<OwnedFd>> {
    let rules = || -> Result<Option<OwnedFd>, RulesetError> {
        let rules = files()?.handle_access(AccessNet::from_all(NEWEST))?;
        Ok(fill(rules.create()?)?.into())
    };
    rules().map_err(io::Error::other)
}

fn fill(mut ruleset: RulesetCreated) -> Result<RulesetCreated, RulesetError> {
    ruleset = allow(ruleset, "/", AccessFs::from_read(NEWEST))?;
    for path in WRITABLE {
        ruleset = allow(ruleset, path, AccessFs::from_all(NEWEST) & !devices())?;
    }
    for path in WRITABLE_FILES {
        ruleset = allow(ruleset, path, AccessFs::from_file(NEWEST))?;
    }
    Ok(ruleset)
}

/// To make one needs a capability, but for the device 0:0, which file systems that are stacked read as a hole.
fn devices() -> BitFlags<AccessFs> {
    AccessFs::MakeChar | AccessFs::MakeBlock
}

/// Version of the interface of this kernel; 0 where Landlock is not there or not switched on.
pub(crate) fn version() -> u32 {
    const VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call takes no rules and answers with a number.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0,
            VERSION,
        )
    };
    u32::try_from(answer).unwrap_or(0)
}

/// Whether programs are to be under its rules for TCP, by which they can neither bind nor connect: pid 1 does both for
/// them. They put themselves under it, since pid 1 is not.
pub(crate) fn has_network() -> bool {
    !weaken::is_off(Layer::Landlock) && version() >= ABI::V4 as u32
}

fn files() -> Result<Ruleset, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    use std::path::PathBuf;

    /// In a thread of its own: the restriction holds for the thread that asks for it, and goes with it.
    fn restricted<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = std::thread::spawn(|| {
            rustix::thread::set_no_new_privs(true).unwrap();
            restrict(false).unwrap();
            work()
        });
        thread.join().unwrap()
    }

    fn has(abi: ABI) -> bool {
        let strict = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(abi))
            .and_then(|ruleset| match Scope::from_all(abi) {
                scopes if scopes.is_empty() => Ok(ruleset),
                scopes => ruleset.scope(scopes),
            });
        strict.and_then(Ruleset::create).is_ok()
    }

    #[test]
    fn only_a_few_places_can_be_written() {
        // Where the kernel has no Landlock, asking for it is no error: the start has told that it is missing.
        let enforced = version() > 0;
        let forbidden = PathBuf::from(format!("/var/tmp/landlock-{}", std::process::id()));
        let path = forbidden.clone();
        let (elsewhere, tmp, null, read) = restricted(move || {
            let tmp = std::env::temp_dir().join(format!("landlock-{}", std::process::id()));
            let written = std::fs::write(&tmp, "x").and_then(|()| std::fs::remove_file(&tmp));
            (
                std::fs::write(&path, "x"),
                written,
                std::fs::write("/dev/null", "x"),
                std::fs::read("/etc/passwd"),
            )
        });
        assert_eq!(elsewhere.is_err(), enforced);
        assert!(!enforced || !forbidden.exists());
        assert!(tmp.is_ok() && null.is_ok() && read.is_ok());
    }

    #[test]
    fn what_is_outside_gets_no_signal_and_no_connection() {
        if !has(ABI::V6) {
            restricted(|| ());
            return;
        }
        let name = format!("lambkin-landlock-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let _listener = UnixListener::bind_addr(&address).unwrap();
        let mut outside = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let pid = rustix::process::Pid::from_child(&outside);
        let (connected, signalled) = restricted(move || {
            (
                UnixStream::connect_addr(&address).map(drop),
                rustix::process::kill_process(pid, rustix::process::Signal::KILL),
            )
        });
        outside.kill().unwrap();
        outside.wait().unwrap();
        assert_eq!(connected.unwrap_err().raw_os_error(), Some(libc::EPERM));
        assert_eq!(signalled, Err(rustix::io::Errno::PERM));
    }
}
