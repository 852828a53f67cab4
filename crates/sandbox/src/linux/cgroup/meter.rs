//! What a sandbox has used, read from the files of its group.
//!
//! While the sandbox runs they stay open, so that metering an invoke is three reads; a frozen one holds none.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::group_files::GroupFiles;

/// The longest of these files, `cpu.stat`, stays below a fourth of it.
const FILE_BYTES_MAX: usize = 2_048;

/// What a sandbox has used since its creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) memory_peak_bytes: u64,
    pub(crate) cpu_us: u64,
    pub(crate) oom_kills: u64,
}

/// The open files of one group. What the machine does not count is absent, and reads as zero.
struct Open {
    memory_peak: Option<File>,
    memory_events: Option<File>,
    cpu_usage: Option<File>,
}

/// Measures one group.
pub(crate) struct Meter {
    files: GroupFiles,
    open: Mutex<Option<Open>>,
}

impl Meter {
    pub(crate) fn new(files: GroupFiles) -> Self {
        Self {
            files,
            open: Mutex::new(None),
        }
    }

    pub(crate) fn files(&self) -> &GroupFiles {
        &self.files
    }

    /// Reads all of it: at most three small reads, which never wait.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let mut open = self.lock();
        let open = match &mut *open {
            Some(open) => open,
            closed => closed.insert(Open::new(&self.files)?),
        };
        Ok(Usage {
            memory_peak_bytes: read(open.memory_peak.as_ref(), number)?,
            oom_kills: read(open.memory_events.as_ref(), |text| field(text, "oom_kill"))?,
            cpu_us: read(open.cpu_usage.as_ref(), |text| match self.files {
                GroupFiles::V1 { .. } => number(text).map(|nanoseconds| nanoseconds / 1_000),
                GroupFiles::V2(_) => field(text, "usage_usec"),
            })?,
        })
    }

    /// Closes the files until the next reading.
    pub(crate) fn rest(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn new(files: &GroupFiles) -> io::Result<Self> {
        Ok(Self {
            memory_peak: files.memory_peak()?,
            memory_events: files.memory_events()?,
            cpu_usage: files.cpu_usage()?,
        })
    }
}

fn read(file: Option<&File>, parse: impl FnOnce(&str) -> Option<u64>) -> io::Result<u64> {
    let Some(file) = file else {
        return Ok(0);
    };
    let mut bytes = [0; FILE_BYTES_MAX];
    let length = file.read_at(&mut bytes, 0)?;
    let text = str::from_utf8(&bytes[..length]).map_err(io::Error::other)?;
    parse(text).ok_or_else(|| io::Error::other("a control group's file holds no number"))
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn field(text: &str, name: &str) -> Option<u64> {
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .filter(|(key, _)| *key == name)
        .find_map(|(_, value)| number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(field(text, "oom_kill"), Some(3));
        assert_eq!(field(text, "oom"), None);
    }
}
