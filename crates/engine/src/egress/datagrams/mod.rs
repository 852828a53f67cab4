//! The way out of datagrams: those of an environment's device go out by sockets of the machine, and answers come back.
//!
//! ```text
//! device ─▶ one whole datagram from an own address? ─▶ its flow, if the verdict holds ─▶ socket ─▶ destination
//!             │ no: dropped                   └─ none: admission ─▶ a new one       │
//!             ▼                                  └─ denied: told to program and log ▼
//! device ◀─ headers put before it ◀─ is it from there, and does the verdict hold? ◀─ answer
//! ```
//! Nothing waits for anything: what cannot be sent or taken at once is lost, as datagrams are. The work of one turn is
//! bounded, and that of a second has a price, so that a flood costs its own environment.

mod answers;
mod flows;
mod packet;
mod places;
mod relay;
mod share;

pub(crate) use places::Places;
pub(crate) use relay::Relay;
pub(crate) use share::Whole;
