//! What the API can be told: whom to believe, what usage costs, and every limit with unit and reason.

use lambkin_model::PriceTable;
use std::time::Duration;

/// Configuration of the server's HTTP side.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Host names besides the loopback ones that a request may address (`Host` header, without port).
    pub allow_hosts: Vec<String>,
    /// Prices of the ledger.
    pub prices: PriceTable,
    /// Limits on what a client may occupy.
    pub limits: Limits,
}

/// Limits on what a client may occupy. Each protects signed calls from everybody else.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections; one costs a descriptor and some 20 KiB. One more takes the place of a client that has
    /// signed nothing, or is closed at once if there is none.
    pub connections_max: usize,
    /// Bytes of a request's head: AWS's SDKs stay below 8 KiB.
    pub head_bytes_max: usize,
    /// Header lines of a request: SDKs send about 15.
    pub head_lines_max: usize,
    /// Time for a request's head, and the longest a connection may idle between two requests.
    pub head_timeout: Duration,
    /// Concurrent requests on one HTTP/2 connection.
    pub streams_max: u32,
    /// Longest gap between two pieces of a body.
    pub body_gap_timeout: Duration,
    /// Time for a whole body: 70 MB at some 2 Mbit/s.
    pub body_timeout: Duration,
    /// Bytes of request bodies in memory at once, over all connections. No body may be larger than what it
    /// leaves free: small ones always find room.
    pub bodies_bytes_max: usize,
    /// Bytes of a body beyond its limit that are read and dropped, so that the client, which reads
    /// only after it has written, learns why it was refused.
    pub body_excess_bytes_max: usize,
    /// Clients that follow logs at once.
    pub log_followers_max: usize,
    /// How long a presigned code location stays valid, as on AWS.
    pub code_location_timeout: Duration,
    /// Time that open requests get to finish at shutdown.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 12_000,
            head_bytes_max: 64 * 1024,
            head_lines_max: 100,
            head_timeout: Duration::from_secs(10),
            streams_max: 128,
            body_gap_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(300),
            bodies_bytes_max: 512 * 1024 * 1024,
            body_excess_bytes_max: 16 * 1024 * 1024,
            log_followers_max: 64,
            code_location_timeout: Duration::from_secs(600),
            drain_timeout: Duration::from_secs(20),
        }
    }
}
