//! The way out of environments: connections that the server makes for their programs, names that it looks up.
//!
//! ```text
//! connect ─▶ admission ─▶ a socket like the program's, connecting ─▶ handed in; endings follow it ─▶ traffic
//! query ───▶ dns ─▶ the machine's resolvers ─▶ answer
//! datagram ▶ admission ─▶ a flow's socket, and back; where the operator lets them out
//! ```
//! Owns: what is decided of a destination at the moment of the connection, what a function is told of it, every limit
//! of what programs may ask for, and the sums of what went through. Refuses: rules (`model::egress`), kernel
//! mechanisms (`sandbox::outbound`), whose sandbox it is (`environment`).

mod admission;
mod datagrams;
mod denials;
mod dns;
mod endings;
mod lone;
mod requests;
mod traffic;
mod uplink;

pub use lone::Lone;
pub(crate) use requests::Client;
pub(crate) use uplink::Uplink;

use crate::StartError;
use admission::Admission;
use endings::Endings;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What the operator can set of functions' network.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server's own API listens, if functions may reach it: they find it as `lambkin.internal`, at the same
    /// port. The API must accept that name of a host.
    pub api: Option<SocketAddr>,
    /// Names the machine's resolvers; read anew when it changes.
    pub resolv_conf: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            api: None,
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
        }
    }
}

/// What all environments share.
#[derive(Debug)]
pub(crate) struct Gateway {
    admission: Admission,
    endings: Arc<Endings>,
    names: dns::Names,
    /// Of datagrams' flows.
    places: Arc<datagrams::Places>,
    /// What datagrams may take of the server's time.
    datagrams: Arc<datagrams::Whole>,
}

impl Gateway {
    pub(crate) fn open(config: Config) -> Result<Self, StartError> {
        let admission = Admission::new(config.api)
            .map_err(|error| StartError(format!("cannot ask for the machine's routes: {error}")))?;
        let api_is_open = admission.opens_api();
        Ok(Self {
            admission,
            endings: Arc::new(Endings::new()),
            names: dns::Names::new(config.resolv_conf, api_is_open),
            places: Arc::new(datagrams::Places::of_machine(
                crate::descriptors::flows_max(),
            )),
            datagrams: Arc::new(datagrams::Whole::of_machine()),
        })
    }
}
