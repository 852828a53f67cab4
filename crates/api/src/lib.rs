//! HTTP: the one door of the server.
//!
//! Owns: the listener and its connections, the checks before a request is believed (head, signature,
//! body size), the way from a route to an operation, and the shape of every answer and error.
//! Refuses: business rules (engine and model), storage (store), shapes and constraints (wire).
//!
//! ```text
//! server -> connection -> pipeline: head -> auth -> way -> body -> lambda/<operation> | admin/<route>
//!                                                              \-> error -> response
//! ```

mod admin;
mod auth;
mod body;
mod config;
mod connection;
mod credentials;
mod error;
mod head;
mod lambda;
mod listener;
mod memory;
mod offload;
mod pipeline;
mod port;
mod response;
mod server;
mod strangers;
mod way;

pub use config::{Config, Limits};
pub use credentials::Credentials;
pub use listener::{BindError, Listener};
pub use server::{Handle, Server};
