//! A user name space for a spawner without root: in it the spawner may mount and make further name spaces.

use std::fs;

use rustix::thread::UnshareFlags;

use crate::failure::{Failure, at};

/// Becomes user 0 of a new name space, which outside is the user that it was, and has no other.
pub(crate) fn enter() -> Result<(), Failure> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    // SAFETY: the flag leaves the descriptor table alone, which is what can break owned descriptors.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) }
        .map_err(at("make a user name space"))?;
    fs::write("/proc/self/setgroups", "deny").map_err(at("map user ids"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1")).map_err(at("map user ids"))?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1")).map_err(at("map user ids"))
}
