//! Bounds: of what a sandbox may fill, open, start and use.

use std::fs;

use super::{Aims, Found};

/// What `outside` asks for.
pub(super) const TMP_BYTES: u64 = 512 << 20;
/// What `outside` asks for.
pub(super) const MEMORY_BYTES: u64 = 128 << 20;
/// What `outside` asks for, pid 1 and this program included.
pub(super) const PROCESSES: u32 = 64;
const UNLIMITED: &str = "not limited without control groups";

pub(super) fn storage(_: &Aims) -> Found {
    let bytes = |path: &str| {
        let found = rustix::fs::statvfs(path).map_err(|error| format!("{path}: {error}"))?;
        Ok::<u64, String>(found.f_blocks * found.f_frsize)
    };
    let (tmp, shm) = (bytes("/tmp")?, bytes("/dev/shm")?);
    let found = format!("/tmp {} MiB, /dev/shm {} MiB", tmp >> 20, shm >> 20);
    match tmp <= TMP_BYTES && shm <= MEMORY_BYTES {
        true => Ok(found),
        false => Err(found),
    }
}

pub(super) fn resources(_: &Aims) -> Found {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).maximum;
    let core = getrlimit(Resource::Core).maximum;
    let shown =
        |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
    let found = format!(
        "{} descriptors, core files of {} bytes",
        shown(files),
        shown(core)
    );
    match (files, core) {
        (Some(1_024), Some(0)) => Ok(found),
        _ => Err(found),
    }
}

pub(super) fn processes(_: &Aims) -> Found {
    let mut children = Vec::new();
    for _ in 0..PROCESSES {
        // SAFETY: this program has one thread; the child only waits to be killed.
        match unsafe { libc::fork() } {
            0 => loop {
                // SAFETY: waits; touches no memory.
                unsafe { libc::pause() };
            },
            -1 => break,
            child => children.push(child),
        }
    }
    let count = children.len();
    for child in children {
        end(child);
    }
    match count < PROCESSES as usize {
        true => Ok(format!("{count} more could be started")),
        false => Err(format!("{count} and more can be started")),
    }
}

pub(super) fn memory(aims: &Aims) -> Found {
    if !aims.limited {
        return Ok(UNLIMITED.into());
    }
    // SAFETY: this program has one thread; the child fills memory of its own and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let _ = fs::write("/proc/self/oom_score_adj", "1000");
        let filled = vec![1u8; 2 * MEMORY_BYTES as usize];
        // SAFETY: ends the child, without what is registered for the end of its parent.
        unsafe { libc::_exit(i32::from(filled[filled.len() - 1])) };
    }
    let mut status = 0;
    // SAFETY: the kernel writes the status, which lives until the call returns.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    match libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL {
        true => Ok(format!(
            "more than {} MiB ends in a kill",
            MEMORY_BYTES >> 20
        )),
        false => Err(format!("{} MiB could be used", (2 * MEMORY_BYTES) >> 20)),
    }
}

fn end(child: i32) {
    // SAFETY: the child is this program's own and not yet reaped.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, std::ptr::null_mut(), 0);
    }
}
