//! Stops a sandbox where it stands and lets it go on, and empties the memory of one that stands still.
//!
//! Refuses: when. Whoever holds the sandbox's invocations decides.

use std::io;
use std::path::Path;

use crate::linux::cgroup::GroupFiles;

/// The switch of one sandbox: two small writes, from any thread.
#[derive(Clone, Debug)]
pub struct Freezer(GroupFiles);

impl Freezer {
    pub(crate) fn new(files: GroupFiles) -> Self {
        Self(files)
    }

    /// Of any control group of version 2, by its folder. Files that it lacks are not missed.
    pub fn of_group(folder: &Path) -> Self {
        Self(GroupFiles::V2(folder.to_owned()))
    }

    /// Returns before the last process stands still, which takes microseconds.
    ///
    /// # Errors
    /// Fails if the kernel refuses; then it runs on.
    pub fn freeze(&self) -> io::Result<()> {
        self.0.freeze(true)
    }

    /// Lets every process go on. No harm to one that runs.
    ///
    /// # Errors
    /// Fails if its group is gone.
    pub fn thaw(&self) -> io::Result<()> {
        self.0.freeze(false)
    }

    /// Bytes of memory that it has now, without what is in swap; 0 where the machine does not count them.
    ///
    /// # Errors
    /// Fails if its group is gone.
    pub fn memory_bytes(&self) -> io::Result<u64> {
        self.0.memory_bytes()
    }

    /// Lets its pages go to swap, at most as many as it may have in memory.
    ///
    /// # Errors
    /// Fails if the kernel refuses, or its group is gone.
    pub fn open_swap(&self) -> io::Result<()> {
        self.0.open_swap(true)
    }

    /// Keeps its pages from going to swap, even while `push_out` is on its way, which ends soon then. Those that
    /// have gone come back when they are touched.
    ///
    /// # Errors
    /// Fails if the kernel refuses, or its group is gone.
    pub fn close_swap(&self) -> io::Result<()> {
        self.0.open_swap(false)
    }

    /// Sends its pages where they may go; blocks for as long as that takes, a second for a few hundred MiB. Nothing
    /// where the kernel cannot: before Linux 5.19 with cgroup v2.
    ///
    /// # Errors
    /// Fails if the kernel refuses, or its group is gone.
    pub fn push_out(&self) -> io::Result<()> {
        self.0.push_out()
    }
}
