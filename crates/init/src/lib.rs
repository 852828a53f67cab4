//! The program that is pid 1 of every sandbox, and what it says.
//!
//! Owns: starting and ending programs inside a sandbox, unpacking packages there, and the messages of both.
//! Refuses: everything that needs the outside; when it starts, its sandbox is already complete.
//!
//! Its input is the control socket; its output is the log pipe, or the package when it unpacks; its standard
//! error is the log pipe. It has no other descriptor, no environment, no threads.

mod control;
pub mod message;
mod run;
mod unpack;

pub use run::run;
pub use unpack::{UnpackError, unpack, unpack_into};
