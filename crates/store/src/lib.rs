//! All that is durable: function rows, sealed packages, usage records, log segments.
//!
//! Owns: the data folder, its lock and schema; SQLite behind one writer; sealing; the usage journal; log files.
//! Refuses: what the rows mean (model, engine), and unpacked code, which is never on disk.
//!
//! ```text
//! <data>/lock VERSION            folder     one server at a time, a schema that this version knows
//!        metadata.db             database   tables/: functions, usage
//!        blobs/<uuid>            packages   sealed, each under a data key of its own
//!        journal/<segment>       journal    usage records on their way to the tables
//!        logs/<function>/<time>  logs       events, capped
//! ```
//! The master key lies elsewhere.

mod database;
mod error;
mod folder;
mod journal;
mod logs;
mod master_key;
mod open_error;
mod packages;
mod seal;
mod tables;
mod worker;

use database::Database;
use folder::Folder;
use journal::Drainer;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tables::{master_key as key_table, schema};

pub use error::Error;
pub use folder::prepare_data_dir;
pub use journal::Journal;
pub use logs::{LogEvent, Logs};
pub use master_key::{MasterKey, MasterKeyError};
pub use open_error::OpenError;
pub use packages::Packages;
pub use tables::{FunctionUsage, Functions, Usage};

/// Longest that each background thread may take to finish at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What the operator can set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder.
    pub data_dir: PathBuf,
    /// Bytes of log kept for one function; the oldest goes first.
    pub log_bytes_per_function_max: u64,
    /// Bytes of log kept for all functions; the oldest goes first.
    pub log_bytes_max: u64,
}

/// Handle on everything durable. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    functions: Functions,
    packages: Packages,
    usage: Usage,
    journal: Journal,
    drainer: Drainer,
    logs: Logs,
    database: Arc<Database>,
}

impl Store {
    /// Locks the folder, checks its schema and key, and takes the usage records that a kill left. Blocking.
    pub fn open(config: Config, key: MasterKey) -> Result<Self, OpenError> {
        let data_dir = config.data_dir.as_path();
        let folder = Arc::new(Folder::open(data_dir)?);
        let mut connection = database::connect(data_dir)?;
        schema::migrate(&mut connection, data_dir)?;
        key_table::check(&connection, &key, data_dir)?;
        folder.stamp()?;
        journal::replay(&mut connection, data_dir)?;
        let key = Arc::new(key);
        let failed =
            |action, path: &str, source| OpenError::io(action, &data_dir.join(path), source);
        let packages = Packages::open(data_dir, Arc::clone(&key))
            .map_err(|source| failed("prepare", packages::FOLDER, source))?;
        let logs = Logs::open(
            data_dir,
            config.log_bytes_per_function_max,
            config.log_bytes_max,
        )
        .map_err(|source| failed("read", logs::FOLDER, source))?;
        let database = Arc::new(Database::start(connection, &folder)?);
        let journal =
            Journal::open(data_dir).map_err(|source| failed("prepare", journal::FOLDER, source))?;
        let drainer = Drainer::start(&journal, &database, &folder)
            .map_err(|source| failed("drain", journal::FOLDER, source))?;
        Ok(Self(Arc::new(Inner {
            functions: Functions::new(Arc::clone(&database), key),
            packages,
            usage: Usage::new(Arc::clone(&database), drainer.drain()),
            journal,
            drainer,
            logs,
            database,
        })))
    }

    /// The table of functions.
    pub fn functions(&self) -> &Functions {
        &self.0.functions
    }

    /// Sealed packages.
    pub fn packages(&self) -> &Packages {
        &self.0.packages
    }

    /// Where usage records go.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// What was used.
    pub fn usage(&self) -> &Usage {
        &self.0.usage
    }

    /// Log events.
    pub fn logs(&self) -> &Logs {
        &self.0.logs
    }

    /// Writes what is buffered and stops the background threads. Blocking, bounded. Dropping the last handle
    /// does the same.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn close(&self) {
        self.logs.close(CLOSE_TIMEOUT);
        self.drainer.close(CLOSE_TIMEOUT);
        self.database.close(CLOSE_TIMEOUT);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
