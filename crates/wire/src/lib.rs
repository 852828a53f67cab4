//! AWS Lambda's wire: shapes, routes, constraints and error codes, input validation, SigV4.
//!
//! A request passes through here in three steps: [`sigv4`] says whether its signature is right,
//! [`route`] which operation it means, and [`input`] makes one JSON object of its labels, query,
//! headers and body, held against the service model. From that object serde makes a typed shape.
//!
//! Refuses: to know what an operation does. Nothing here reads a clock, a file or a socket.

pub mod admin;
mod blob;
pub mod coverage;
mod enumeration;
mod epoch_seconds;
mod generated;
mod input;
mod json_check;
mod pattern;
mod route;
mod runtime;
mod schema;
pub mod sigv4;
mod validation;

pub use blob::Blob;
pub use epoch_seconds::EpochSeconds;
pub use generated::error_code::ErrorCode;
pub use generated::operation_id::OperationId;
pub use input::{InputError, input};
pub use json_check::json_check;
pub use route::{Route, route};
pub use runtime::runtime_enum_message;

/// The model's structures and enumerations as serde types, by their AWS names.
///
/// `Serialize` writes the JSON body: members that travel in the path, query, headers or as the raw
/// payload are left out. `Deserialize` reads every member, as [`input`] gathers them.
pub mod shapes {
    pub use crate::generated::shapes::*;
}
