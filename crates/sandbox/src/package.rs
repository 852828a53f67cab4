//! A package on its way to the unpacker: in a memory file that nobody can change any more.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// Written in one go; copying it takes about 100 µs, after which other tasks get their turn.
const CHUNK_BYTES: usize = 1 << 20;

pub(crate) async fn seal(package: &[u8]) -> io::Result<OwnedFd> {
    let file = memfd_create("package", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut position = 0;
    while position < package.len() {
        let end = package.len().min(position + CHUNK_BYTES);
        position += rustix::io::pwrite(&file, &package[position..end], position as u64)?;
        tokio::task::yield_now().await;
    }
    let all = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, all)?;
    Ok(file)
}
