//! What a caller asks for: the parts of a sandbox's root, its limits, and the program to run in it.
//!
//! Plain values. What they become is told in `creation`; what of them cannot be had, in `missing.rs`.

use std::time::Duration;

pub use lambkin_init::message::Program;

use crate::code_trees::CodeTree;
pub use crate::root::{Bind, Root};
use crate::sandbox::Sandbox;

/// What a sandbox is made of.
pub struct Spec<'a> {
    /// The read-only parts of its root.
    pub root: Root,
    /// Mounted at /var/task and, what is compiled of it, at /var/compiled. `None` leaves them empty until [`Sandbox::mount_code`](crate::Sandbox::mount_code).
    pub code: Option<CodeTree>,
    /// Memory of all its processes together, without swap.
    pub memory_bytes: u64,
    /// Size of its /tmp.
    pub tmp_bytes: u64,
    /// Processes and threads at one time.
    pub processes_max: u32,
    /// What it is among others.
    pub lineage: Lineage<'a>,
}

/// What a sandbox is among others.
#[derive(Clone, Copy, Default)]
pub enum Lineage<'a> {
    /// Nothing.
    #[default]
    Alone,
    /// Its program becomes a template: it stops itself by SIGSTOP, and then forks. See
    /// [`Sandbox::clone_into`](crate::Sandbox::clone_into). It has no network but loopback.
    Template,
    /// Made for a clone of that one's program, and below it: when that one's pid 1 ends, it ends too. Destroying that
    /// one waits for it.
    CloneOf(&'a Sandbox),
}

/// Bounds of one unpacking.
pub struct UnpackLimits {
    /// Unpacked size of all entries together.
    pub bytes_max: u64,
    /// Files and folders.
    pub entries_max: u32,
    /// Wall-clock time of the whole unpacking.
    pub timeout: Duration,
}
