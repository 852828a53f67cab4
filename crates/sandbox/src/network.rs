//! What the programs of a sandbox want of the network: told to the server, which decides and answers.
//!
//! ```text
//! program ── connect, DNS ──▶ pid 1 ──▶ network_request ──▶ the server's policy
//!    ◀── socket or errno, answer ── pid 1 ◀── connected, answer_query ──┘
//! ```
//! Owns no policy: a request that is never answered stays unanswered until the sandbox is destroyed.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use lambkin_init::message::Command;
pub use lambkin_init::message::{CONNECTS_MAX, DNS_MESSAGE_BYTES_MAX, QUERIES_MAX};

use crate::error::Error;
use crate::inbox::Matter;
use crate::outbound::Likeness;
use crate::sandbox::Sandbox;

/// Requests that nobody has taken yet. Pid 1 has no more under way.
pub(crate) const REQUESTS_MAX: usize = CONNECTS_MAX + QUERIES_MAX;

/// Of a DNS message: identity, flags, four counts.
const DNS_HEADER_BYTES: usize = 12;
const DNS_RESPONSE: u8 = 0x80;
const DNS_SERVER_FAILED: u8 = 2;

/// What a program wants.
#[derive(Debug)]
pub enum NetworkRequest {
    /// A TCP connection out of the sandbox.
    Connect(Connect),
    /// A name.
    Query(Query),
}

/// A program's `connect` to an address that is not the sandbox's own. The program waits, or polls.
#[derive(Debug)]
pub struct Connect {
    /// To be named by [`Sandbox::connected`].
    pub id: u32,
    /// As the program gave it; an IPv4 address may be in its IPv6 form.
    pub destination: SocketAddr,
    /// What the program's own socket is like.
    pub like: Likeness,
}

/// Answers a [`Connect`] in the moment in which it is heard, waiting for nothing, or leaves it to
/// [`Sandbox::network_request`].
pub type Prompt = dyn Fn(&Connect) -> Option<Result<HandedIn, i32>> + Send + Sync;

/// A DNS message of a program to its resolver. Programs wait for seconds only.
#[derive(Debug)]
pub struct Query {
    /// To be named by [`Sandbox::answer_query`].
    pub id: u32,
    /// At most [`DNS_MESSAGE_BYTES_MAX`] bytes, which may be anything.
    pub message: Vec<u8>,
    /// Asked over TCP: the answer may be as long as that. Over UDP a long one must be cut by who answers.
    pub over_tcp: bool,
}

/// A socket of the machine's network for a program.
#[derive(Debug)]
pub struct HandedIn {
    /// A TCP socket with the flags that the program's has.
    pub socket: OwnedFd,
    /// Connecting and non-blocking; the program hears of the end as of any such connect. A program that waits in
    /// `connect` is not waked until it has ended.
    pub in_progress: bool,
}

impl Sandbox {
    /// The next request of the sandbox's programs; `None` when the sandbox is gone. Cancel safe. At most
    /// [`CONNECTS_MAX`] connections and [`QUERIES_MAX`] queries are asked for at a time.
    pub async fn network_request(&self) -> Option<NetworkRequest> {
        self.talk
            .wait(Matter::Network, |inbox| {
                let next = inbox.requests.pop_front();
                (next.is_some() || inbox.gone).then_some(next)
            })
            .await
    }

    /// Has connects answered as they are heard, without another task; what is left goes on to
    /// [`Sandbox::network_request`]. The first one stays.
    pub fn answer_promptly(&self, prompt: Box<Prompt>) {
        self.talk.answer_promptly(prompt);
    }

    /// Answers a request for a connection: with a socket, or the error number that the program's `connect` fails
    /// with. A program that has gone away meanwhile does not get it; then the socket is closed.
    ///
    /// # Errors
    /// Fails if pid 1 is gone.
    pub async fn connected(&self, id: u32, outcome: Result<HandedIn, i32>) -> Result<(), Error> {
        self.talk.connected(id, outcome).await
    }

    /// Answers a query with a whole DNS message, of at most [`DNS_MESSAGE_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// Fails if pid 1 is gone or the message is too long.
    pub async fn answer_query(&self, id: u32, message: &[u8]) -> Result<(), Error> {
        if message.len() > DNS_MESSAGE_BYTES_MAX {
            let kind = std::io::ErrorKind::InvalidInput;
            return Err(std::io::Error::new(kind, "the DNS message is too long").into());
        }
        let message = message.to_vec();
        let command = Command::Answer { id, message };
        self.talk.command(&command, &[], |_| {}).await
    }

    /// Answers as on a machine without a network: no way to any address, no server that knows a name.
    ///
    /// # Errors
    /// Fails if pid 1 is gone.
    pub async fn refuse(&self, request: NetworkRequest) -> Result<(), Error> {
        match request {
            NetworkRequest::Connect(Connect { id, .. }) => {
                self.connected(id, Err(libc::ENETUNREACH)).await
            }
            NetworkRequest::Query(Query {
                id, mut message, ..
            }) => {
                if let Some([_, _, flags, code, ..]) = message.first_chunk_mut::<DNS_HEADER_BYTES>()
                {
                    *flags |= DNS_RESPONSE;
                    *code = *code & 0xf0 | DNS_SERVER_FAILED;
                }
                self.answer_query(id, &message).await
            }
        }
    }
}
