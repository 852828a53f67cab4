//! The memory of a group whose processes stand still: where its pages may go, and how they are sent there.
//!
//! Swap is closed to a group but for that moment, so that no function is slow because of it, nor has more memory than
//! was bought. What has left comes back when it is touched, closed or not.
//!
//! ```text
//!            open                  close                       push out
//! version 1  memory.swappiness     memory.swappiness = 0       memory.force_empty
//! version 2  memory.swap.max       memory.swap.max = 0         memory.reclaim (Linux 5.19)
//! ```
//! Version 1 only avoids it: where the whole machine has no other way out, the kernel swaps pages of any group.

use std::fs;
use std::io;
use std::path::Path;

use super::group_files::{GroupFiles, write};

/// The kernel's own default: files of the machine, which others may use too, go no later than what is in swap's reach.
const SWAPPINESS: &str = "60";

/// What is written for it, so that the server may be given it.
pub(super) const V1_FILES: [&str; 2] = ["memory.swappiness", "memory.force_empty"];
pub(super) const V2_FILES: [&str; 2] = ["memory.swap.max", "memory.reclaim"];

impl GroupFiles {
    /// Opens swap to its pages, or closes it, which also ends a push that is on its way.
    pub(crate) fn open_swap(&self, open: bool) -> io::Result<()> {
        match self {
            Self::V1 { memory, .. } => {
                let value = if open { SWAPPINESS } else { "0" };
                write(memory.as_deref(), "memory.swappiness", value)
            }
            Self::V2(folder) => {
                let value = match open {
                    true => fs::read_to_string(folder.join("memory.max"))?,
                    false => "0".to_owned(),
                };
                write(Some(folder), "memory.swap.max", value.trim())
            }
        }
    }

    /// Sends out as much as will go, and returns then: a second for a few hundred MiB. No more than there is, which
    /// the kernel says with an error, is no error.
    pub(crate) fn push_out(&self) -> io::Result<()> {
        let pushed = match self {
            Self::V1 { memory, .. } => write(memory.as_deref(), "memory.force_empty", "0"),
            Self::V2(folder) => {
                let all = self.memory_bytes()?.to_string();
                write(Some(folder), "memory.reclaim", &all)
            }
        };
        match pushed {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            pushed => pushed,
        }
    }

    /// What it has in memory now; 0 where that is not counted.
    pub(crate) fn memory_bytes(&self) -> io::Result<u64> {
        match self {
            Self::V1 { memory, .. } => number(memory.as_deref(), "memory.usage_in_bytes"),
            Self::V2(folder) => number(Some(folder), "memory.current"),
        }
    }
}

fn number(folder: Option<&Path>, file: &str) -> io::Result<u64> {
    let Some(folder) = folder else {
        return Ok(0);
    };
    match fs::read_to_string(folder.join(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        text => text?.trim().parse().map_err(io::Error::other),
    }
}
