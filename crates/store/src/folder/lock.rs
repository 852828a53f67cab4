//! `lock`: an advisory lock that one server holds, with its pid as the content. The kernel releases it
//! with the process, so that a kill needs no cleaning up.

use crate::OpenError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

const FILE: &str = "lock";
/// Digits of a pid, with room to spare.
const PID_BYTES_MAX: u64 = 32;

/// Takes the lock or names the process that holds it.
pub(super) fn take(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join(FILE);
    let failed = |source| OpenError::io("lock", &path, source);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            return Err(OpenError::Locked {
                folder: folder.to_owned(),
                pid: holder(&file),
            });
        }
        Err(error) => return Err(failed(error)),
    }
    file.set_len(0).map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(PID_BYTES_MAX).read_to_string(&mut text);
    match read.is_ok() && !text.trim().is_empty() {
        true => text.trim().to_owned(),
        // Between taking the lock and writing the pid.
        false => "unknown".to_owned(),
    }
}
