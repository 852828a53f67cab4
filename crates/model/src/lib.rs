//! The domain: names, functions, limits, rules and usage arithmetic of AWS Lambda.
//!
//! Owns: what a function, its name, its configuration and a usage record are, and the rules that hold
//! for them whatever stores or serves them.
//! Refuses: files, clocks, HTTP, tasks.

mod account;
pub mod egress;
mod environment;
mod function;
mod limits;
mod logging;
mod name;
mod price;
mod request_id;
mod runtime;
mod tags;
mod timestamp;
mod usage;
mod version;

pub use account::{AccountId, Region, Scope};
pub use environment::{Environment, EnvironmentError};
pub use function::{
    Architecture, Code, Function, LastUpdate, PackageType, Settings, SnapStart, State,
};
pub use limits::Limits;
pub use logging::{ApplicationLogLevel, LogFormat, Logging, SystemLogLevel};
pub use name::{FunctionName, FunctionRef, NameError, Qualifier};
pub use price::{PriceTable, PriceTier, Rates};
pub use request_id::RequestId;
pub use runtime::Runtime;
pub use tags::{Tags, TagsError};
pub use timestamp::Timestamp;
pub use usage::{NetworkUsage, Outcome, Start, StartCounts, UsageRecord, UsageTotals};
pub use version::Version;
