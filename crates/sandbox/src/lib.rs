//! Sandboxes: the spawner process and every kernel mechanism but those of pid 1, which is `lambkin-init`.
//!
//! ```text
//! server                                   spawner (alone may be root)             sandbox
//! SpawnerProcess::start ── exec ─────────▶ tries everything once
//! Spawner::create ──────── request ──────▶ creation::begin ── clone3 ───────────▶ pid 1
//! Sandbox  ◀── listener, output, control (descriptors) ────────┘                    │
//! Sandbox::start ─────────────────────────────────── command ────────────────────▶ program
//! Sandbox::destroy ─────── request ──────▶ kill, reap, remove the group
//! ```
//!
//! `creation` tells the sequence, `linux` has one kernel mechanism per file, `spawner` the process, `handle` and
//! `sandbox` what the server holds, `self_test` tries all of it. It knows no function, no store and no HTTP.
#![allow(unsafe_code)]

mod cloning;
mod code_trees;
mod config;
mod creation;
mod error;
mod failure;
mod freezer;
mod handle;
mod inbox;
mod isolation;
mod linux;
mod missing;
mod network;
pub mod outbound;
mod package;
mod process;
mod profile;
mod protocol;
mod root;
mod sandbox;
mod self_test;
mod spawner;
mod spec;
mod talk;
mod weaken;

pub use code_trees::{CODE_TREES_MAX, CodeTree};
pub use config::SpawnerConfig;
pub use error::{Error, Rejection, UnpackError};
pub use freezer::Freezer;
pub use handle::Spawner;
pub use isolation::{ControlGroups, Isolation, Network, Tmp, Users};
pub use lambkin_init::fault::is_the_machines;
pub use linux::privilege::{drop_privileges, is_root};
pub use linux::seccomp::{allowed_calls, decided_calls};
pub use missing::{Missing, Part};
pub use network::{
    CONNECTS_MAX, Connect, DNS_MESSAGE_BYTES_MAX, HandedIn, NetworkRequest, Prompt, QUERIES_MAX,
    Query,
};
pub use process::SpawnerProcess;
pub use sandbox::{Event, Exit, Input, Sandbox, Usage};
pub use self_test::{Ground, SelfTestError, Trial, run_self_test, self_test};
pub use spawner::run_spawner;
pub use spec::{Bind, Lineage, Program, Root, Spec, UnpackLimits};
