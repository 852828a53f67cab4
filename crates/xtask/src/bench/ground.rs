//! What all rows stand on: the servers under measurement, the floors that serve, and the peers if asked for.

use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use super::deploy::{Function, Language};
use super::floors::echo::Echo;
use super::floors::relay::Relay;
use super::floors::start::Floor;
use super::packages;
use super::peers::{Interpreters, Peers};
use super::server::{Server, Setup, User};

/// With more, two cores only take turns; what that costs is a floor of its own where many connections are loaded.
const RELAYED: usize = 8;

pub(super) struct Ground {
    /// As a user starts it.
    pub(super) server: Server,
    /// One without sandboxes made ahead; nothing if no server has them.
    pub(super) pool_less: Option<Server>,
    pub(super) echo: Echo,
    pub(super) relay: Relay,
    pub(super) peers: Peers,
    /// Of load for each figure of a round.
    pub(super) span: Duration,
}

impl Ground {
    /// Starts everything that the interleaved rows share.
    pub(super) fn lay(binary: &Path, span: Duration, peers: bool) -> anyhow::Result<Rc<Self>> {
        let server = Server::start(Setup {
            binary,
            name: "default",
            user: User::Starting,
            arguments: &[],
        })?;
        let peers = if peers {
            let program =
                |language| anyhow::Ok(Floor::of(&server, language)?.program().to_path_buf());
            let interpreters = Interpreters {
                python: program(Language::Python)?,
                node: program(Language::Node)?,
            };
            Peers::start(&interpreters)
        } else {
            Peers::default()
        };
        Ok(Rc::new(Self {
            server,
            pool_less: Server::start_without_pool(binary)?,
            echo: Echo::start()?,
            relay: Relay::start(&packages::rust_example()?, RELAYED)?,
            peers,
            span,
        }))
    }
}

/// Something that answers the same request again and again.
pub(super) enum Subject {
    /// Of ours: its request is signed anew in each round, since signatures age.
    Function(Function),
    Other {
        name: String,
        address: SocketAddr,
        request: Vec<u8>,
    },
}

impl Subject {
    /// A floor or peer that takes the event at any path.
    pub(super) fn other(name: &str, address: SocketAddr, path: &str) -> Self {
        let event = "{\"n\":1}";
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{event}",
            event.len()
        );
        Self::Other {
            name: name.to_owned(),
            address,
            request: request.into_bytes(),
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Function(function) => &function.name,
            Self::Other { name, .. } => name,
        }
    }

    pub(super) fn address(&self, server: &Server) -> SocketAddr {
        match self {
            Self::Function(_) => server.address,
            Self::Other { address, .. } => *address,
        }
    }

    pub(super) fn request(&self, server: &Server) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Function(function) => function.invoke_request(server),
            Self::Other { request, .. } => Ok(request.clone()),
        }
    }
}
