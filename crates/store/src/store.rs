//! The store: opens the parts in order, hands them out, closes them in order.

use crate::database::{self, Database};
use crate::folder::Folder;
use crate::journal::{self, Drainer, Journal};
use crate::logs::Logs;
use crate::packages::Packages;
use crate::tables::{Functions, Usage, master_key, schema};
use crate::{MasterKey, OpenError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Smaller log caps would not hold a few of the longest events.
const LOG_BYTES_MIN: u64 = 1024 * 1024;
/// Each part ends within this, unless the disk hangs.
const CLOSE_MAX: Duration = Duration::from_secs(5);

/// What the operator sets.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data folder; made if it is missing.
    pub data_dir: PathBuf,
    /// Bytes of one function's log, at least 1 MiB; the oldest goes first.
    pub log_bytes_per_function_max: u64,
    /// Bytes of all logs, at least 1 MiB; the oldest goes first.
    pub log_bytes_max: u64,
}

/// Handle on everything durable. Cheap to clone; the last one closes it.
#[derive(Clone)]
pub struct Store(Arc<Parts>);

struct Parts {
    functions: Functions,
    packages: Packages,
    journal: Journal,
    usage: Usage,
    logs: Logs,
    drainer: Drainer,
    database: Arc<Database>,
}

impl Store {
    /// Locks the folder (the error names the holder's pid), checks its version and the key, migrates, and
    /// takes in the journal that an earlier process left. Blocking.
    pub fn open(config: Config, key: MasterKey) -> Result<Self, OpenError> {
        if config.log_bytes_per_function_max.min(config.log_bytes_max) < LOG_BYTES_MIN {
            return Err(OpenError::LogCapTooSmall);
        }
        let folder = Arc::new(Folder::open(&config.data_dir)?);
        let data_dir = folder.path();
        let mut connection = database::connect(data_dir)?;
        schema::migrate(&mut connection, data_dir)?;
        master_key::check(&connection, &key, data_dir)?;
        folder.stamp()?;
        journal::replay(&mut connection, data_dir)?;

        let key = Arc::new(key);
        let failed = |source| OpenError::io("prepare", data_dir, source);
        let database = Arc::new(Database::start(connection, &folder)?);
        let journal = Journal::open(data_dir).map_err(failed)?;
        let drainer = Drainer::start(&journal, &database, &folder).map_err(failed)?;
        let caps = crate::logs::Caps {
            function_bytes: config.log_bytes_per_function_max,
            total_bytes: config.log_bytes_max,
        };
        Ok(Self(Arc::new(Parts {
            functions: Functions::new(Arc::clone(&database), Arc::clone(&key)),
            packages: Packages::open(data_dir, key).map_err(failed)?,
            usage: Usage::new(Arc::clone(&database), drainer.drain()),
            logs: Logs::open(&folder, caps)?,
            journal,
            drainer,
            database,
        })))
    }

    /// Function rows.
    pub fn functions(&self) -> &Functions {
        &self.0.functions
    }

    /// Sealed packages.
    pub fn packages(&self) -> &Packages {
        &self.0.packages
    }

    /// Usage records on their way to the tables.
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// Usage in the tables.
    pub fn usage(&self) -> &Usage {
        &self.0.usage
    }

    /// Log events.
    pub fn logs(&self) -> &Logs {
        &self.0.logs
    }

    /// Writes what is buffered and ends the background threads; later calls fail. Blocking, for some
    /// seconds at most.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Parts {
    fn close(&self) {
        self.packages.close();
        self.logs.close(CLOSE_MAX);
        self.drainer.close(CLOSE_MAX);
        self.database.close(CLOSE_MAX);
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.close();
    }
}
