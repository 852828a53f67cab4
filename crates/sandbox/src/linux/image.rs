//! Pid 1's program as a sealed memory file: it has no path, and nothing inside a sandbox can change it.

use rustix::fs::{MemfdFlags, SealFlags, fchmod, fcntl_add_seals, memfd_create};
use std::io::{self, Write};
use std::os::fd::OwnedFd;

/// The static program that `build.rs` made.
const PROGRAM: &[u8] = include_bytes!(env!("LAMBKIN_INIT_IMAGE"));

/// A descriptor to execute; made once and shared by all sandboxes.
pub(crate) fn sealed_memfd() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = std::fs::File::from(memfd_create("lambkin-init", flags)?);
    file.write_all(PROGRAM)?;
    fchmod(&file, rustix::fs::Mode::from_raw_mode(0o555))?;
    fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file.into())
}
