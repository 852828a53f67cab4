//! The machine's side of a sandbox's connections: sockets like those of programs, what the routes say of a
//! destination, and how many bytes went through.
//!
//! ```text
//! copy of a program's socket ─▶ Likeness ─▶ connect ─▶ handed in ─▶ the program's own from then on
//! Tunnel: the packets of its datagrams, where those may leave
//!            Routes: the machine's own address?    OpenSockets, Closings: its bytes, by its Flow
//! ```
//! Owns the kernel mechanisms alone; who may connect where is the server's to decide. All of it works without any
//! privilege, in the network name space of the process.

mod closings;
mod flow;
mod likeness;
mod open_sockets;
mod options;
mod routes;
mod tcp_info;
mod tunnel;

pub use closings::{Closed, Closings};
pub use flow::Flow;
pub use likeness::{Connecting, Likeness, Progress};
pub use open_sockets::OpenSockets;
pub use routes::{Route, Routes};
pub use tcp_info::Transferred;
pub use tunnel::{Drained, OWN_ADDRESSES, PACKET_BYTES_MAX, Tunnel};
