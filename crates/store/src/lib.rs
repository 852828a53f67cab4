//! All that is durable: function rows, sealed packages, usage records, log segments.
//!
//! Owns: the data folder, its lock and schema; SQLite behind one writer; sealing and the master key; the
//! usage journal; log files. Refuses: what the rows mean (model, engine), unpacked code, which is never on
//! disk, and the folder's other entries: `runtimes/`, `credentials`, `sandbox/`.
//!
//! ```text
//! <data>/lock VERSION            folder     one server at a time, a schema that this version knows
//!        metadata.db             database   tables/: functions, usage
//!        blobs/<uuid>            packages   sealed, each under a data key of its own
//!        journal/<uuid>.usage    journal    usage records on their way to the tables
//!        logs/<function>/<n>     logs       events, capped
//! ```
//! The master key lies elsewhere. What was acknowledged survives a kill at any instruction; rows and
//! packages also survive a power loss, usage records but for the last quarter of a second, log events but
//! for what the kernel had not written.

mod database;
mod error;
mod folder;
mod journal;
mod logs;
mod master_key;
mod open_error;
mod packages;
mod seal;
mod store;
mod tables;
mod worker;

pub use error::Error;
pub use folder::{check_data_dir, prepare_data_dir};
pub use journal::Journal;
pub use logs::{LogEvent, LogFilter, Logs};
pub use master_key::{MasterKey, MasterKeyError};
pub use open_error::OpenError;
pub use packages::Packages;
pub use store::{Config, Store};
pub use tables::{FunctionUsage, Functions, Usage};
