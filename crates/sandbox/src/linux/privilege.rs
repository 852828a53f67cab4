//! Whose rights a process has: the users of sandboxes, and the server's way from root to an ordinary user.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use lambkin_init::{SANDBOX_GID, SANDBOX_UID};
use rustix::fs::CWD;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{
    CapabilitySet, UnshareFlags, capabilities, set_capabilities, set_keep_capabilities,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use rustix::{fs::Gid, fs::Uid};

use super::{capabilities as sets, mounts};

/// Folders that exist everywhere and are empty nearly everywhere: one of them is where the server sees its
/// data folder after it has left root, in a mount name space of its own.
const REACHABLE: [&str; 3] = ["/mnt", "/srv", "/media"];

/// Whether this process has root's powers to make sandboxes: user 0 with CAP_SYS_ADMIN, outside of any user
/// name space that withholds users from it.
pub fn is_root() -> bool {
    let admin = capabilities(None).is_ok_and(|held| {
        held.effective
            .contains(CapabilitySet::SYS_ADMIN | CapabilitySet::SETUID)
    });
    rustix::process::geteuid().is_root() && admin && has_all_users()
}

/// A user name space of somebody's own maps one user or a few; ranges need many.
fn has_all_users() -> bool {
    let Ok(map) = fs::read_to_string("/proc/self/uid_map") else {
        return false;
    };
    let mapped = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
    mapped.sum::<u64>() >= 1 << 31
}

/// Gives up the groups and becomes one user and group in all their kinds; single-threaded callers only.
pub(crate) fn become_user(uid: u32, gid: u32) -> rustix::io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

/// The same without a user name space, in a weakened test build: the rest of the setup needs capabilities.
pub(crate) fn become_user_with_capabilities(uid: u32, gid: u32) -> rustix::io::Result<()> {
    let held = capabilities(None)?;
    set_keep_capabilities(true)?;
    become_user(uid, gid)?;
    set_capabilities(None, held)
}

/// Becomes an unprivileged user for good: private mount name space with `data_dir` bound where that user
/// reaches it (its parents may be closed to it), groups, gid, uid, no capability, no_new_privs, not dumpable.
/// Returns the folder's new path.
///
/// Must run before any thread exists and after the spawner was started.
///
/// # Errors
/// Fails without root's rights, or where none of /mnt, /srv and /media is a folder.
pub fn drop_privileges(uid: u32, gid: u32, data_dir: &Path) -> io::Result<PathBuf> {
    let path = bind_reachably(data_dir)?;
    set_thread_groups(&[])?;
    // The bounding set is dropped last and with a capability that leaving root would take away.
    set_keep_capabilities(true)?;
    become_user(uid, gid)?;
    let mut kept = capabilities(None)?;
    kept.effective = CapabilitySet::SETPCAP;
    set_capabilities(None, kept)?;
    sets::drop_all()?;
    set_keep_capabilities(false)?;
    set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(path)
}

fn bind_reachably(data_dir: &Path) -> io::Result<PathBuf> {
    // SAFETY: the flag leaves the descriptor table alone, which is what can break owned descriptors.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }?;
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let target = reachable().ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            "none of /mnt, /srv and /media is a folder",
        )
    })?;
    let tree = mounts::clone_tree(CWD, data_dir)?;
    mounts::attach(tree, CWD, target)?;
    Ok(target.to_owned())
}

/// An empty folder if there is one, so that nothing is hidden from the server.
fn reachable() -> Option<&'static Path> {
    let folders = || REACHABLE.iter().map(Path::new);
    let empty = |path: &&Path| fs::read_dir(path).is_ok_and(|mut found| found.next().is_none());
    folders()
        .find(empty)
        .or_else(|| folders().find(|path| path.is_dir()))
}
