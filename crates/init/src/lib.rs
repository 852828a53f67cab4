//! The program that is pid 1 of every sandbox, and what it says.
//!
//! Owns: starting and ending programs inside a sandbox, forking an initialised one into other sandboxes, making their
//! calls with addresses for them, unpacking packages there, and the messages of all that.
//! Refuses: everything that needs the outside, which it asks the server for; when it starts, its sandbox is already
//! complete.
//!
//! Its input is the control socket; its output is the log pipe, or the package when it unpacks; its standard
//! error is the log pipe. What more it has is told in `descriptors`. It has no environment, no threads.

mod adoption;
mod calls;
mod cloning;
mod control;
pub mod descriptors;
mod end;
pub mod fault;
mod fitness;
mod keeper;
mod kernel;
pub mod message;
mod network;
mod prepared;
mod run;
mod socket;
mod status;
mod template;
mod trial;
mod unpack;
mod verification;

pub use calls::{SANDBOX_GID, SANDBOX_UID};
pub use network::{ADDRESS_V4, ADDRESS_V6, TUNNEL_V4};
pub use run::{Programs, run};
pub use status::number_of;
pub use trial::try_network;
pub use unpack::{UnpackError, unpack, unpack_into};
