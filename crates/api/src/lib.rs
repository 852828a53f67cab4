//! HTTP: the one door of the server.
//!
//! Owns: the listener and its connections, the checks before a request is believed (head, signature,
//! body size), the way from a route to an operation, and the shape of every answer and error.
//! Refuses: business rules (engine and model), storage (store), shapes and constraints (wire).
//!
//! ```text
//! server -> connection -> pipeline: head -> auth -> body -> dispatch -> lambda/<operation> | admin/<route>
//!                                                                     \-> error -> response
//! ```

mod config;
mod connection;
mod head;
mod port;
mod response;
mod server;

pub use config::{Config, Limits};
pub use server::{BindError, Handle, Server};
