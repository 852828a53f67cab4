//! What the database holds: one table and its queries a file.

mod egress;
mod functions;
pub(crate) mod journal_positions;
pub(crate) mod master_key;
pub(crate) mod schema;
pub(crate) mod usage;
mod versions;

pub use functions::Functions;
pub use usage::{FunctionUsage, Usage};
