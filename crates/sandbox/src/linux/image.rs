//! Pid 1's program, and what it reads, as sealed memory files: they have no path, and nothing inside a sandbox can
//! change them.

use rustix::fs::{MemfdFlags, SealFlags, fchmod, fcntl_add_seals, memfd_create};
use std::io::{self, Write};
use std::os::fd::OwnedFd;

/// The static program that `build.rs` made.
const PROGRAM: &[u8] = include_bytes!(env!("LAMBKIN_INIT_IMAGE"));

/// A descriptor to execute; made once and shared by all sandboxes.
pub(crate) fn sealed_program() -> io::Result<OwnedFd> {
    sealed("lambkin-init", PROGRAM, 0o555)
}

/// A descriptor to read; made once and shared by all sandboxes.
pub(crate) fn sealed_filter(bytes: &[u8]) -> io::Result<OwnedFd> {
    sealed("lambkin-filter", bytes, 0o444)
}

fn sealed(name: &str, content: &[u8], mode: u32) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = std::fs::File::from(memfd_create(name, flags)?);
    file.write_all(content)?;
    fchmod(&file, rustix::fs::Mode::from_raw_mode(mode))?;
    fcntl_add_seals(
        &file,
        SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE,
    )?;
    Ok(file.into())
}
