//! Whom a request may come from, judged by its head alone and before its signature.
//!
//! A web page in the operator's browser can send requests to a loopback port. Two rules stop it: the
//! `Host` must be a name that this server is known by (or DNS rebinding would make any page "same
//! origin"), and an `Origin`, which only browsers send, must be one of those names too. No answer
//! carries a CORS header.

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::uri::Uri;
use std::net::{IpAddr, SocketAddr};

/// Why a head is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("The request has no Host header.")]
    NoHost,
    #[error(
        "The Host {0:?} is not allowed. Address the server by a loopback name or add the name with --allow-host."
    )]
    Host(String),
    #[error("Requests from the Origin {0:?} are not allowed.")]
    Origin(String),
    #[error("The request has more than {0} header lines.")]
    Lines(usize),
    #[error("The request's head has more than {0} bytes.")]
    Bytes(usize),
}

/// The names that this server answers to.
#[derive(Debug)]
pub(crate) struct Rules {
    hosts: Vec<String>,
    lines_max: usize,
    bytes_max: usize,
}

impl Rules {
    /// Loopback names, the listen address and the configured names.
    pub(crate) fn new(
        listen: SocketAddr,
        allow_hosts: &[String],
        lines_max: usize,
        bytes_max: usize,
    ) -> Self {
        let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(String::from).into();
        hosts.push(match listen.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
        hosts.extend(allow_hosts.iter().map(|host| host.to_ascii_lowercase()));
        Self {
            hosts,
            lines_max,
            bytes_max,
        }
    }

    /// Accepts the head, and gives the authority by which the client addressed the server.
    pub(crate) fn check<'r>(&self, uri: &'r Uri, headers: &'r HeaderMap) -> Result<&'r str, Error> {
        if headers.len() > self.lines_max {
            return Err(Error::Lines(self.lines_max));
        }
        // The connection's buffer bounds the memory, but may hold somewhat more than the limit.
        if bytes(headers) > self.bytes_max {
            return Err(Error::Bytes(self.bytes_max));
        }
        let authority = authority(uri, headers).ok_or(Error::NoHost)?;
        if !self.knows(authority) {
            return Err(Error::Host(authority.to_owned()));
        }
        match headers.get(ORIGIN) {
            None => Ok(authority),
            Some(origin) if origin.to_str().is_ok_and(|o| self.knows_origin(o)) => Ok(authority),
            Some(origin) => Err(Error::Origin(
                String::from_utf8_lossy(origin.as_bytes()).into_owned(),
            )),
        }
    }

    fn knows_origin(&self, origin: &str) -> bool {
        let rest = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        rest.is_some_and(|authority| self.knows(authority))
    }

    fn knows(&self, authority: &str) -> bool {
        let host = without_port(authority);
        host.is_some_and(|host| {
            self.hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(host))
        })
    }
}

fn bytes(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

/// HTTP/1.1 has one `Host` header, HTTP/2 an authority in its request line.
fn authority<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> Option<&'r str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => uri.authority().map(|authority| authority.as_str()),
        (Some(_), Some(_)) => None,
    }
}

/// `name`, `name:port`, `[v6]` or `[v6]:port`, cut to the name; anything else is no host.
fn without_port(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(end);
    let port_ok = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|p| p.len() <= 5 && p.bytes().all(|b| b.is_ascii_digit()));
    port_ok.then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)]) -> Result<String, Error> {
        let listen = "10.1.2.3:9550".parse().unwrap();
        let rules = Rules::new(listen, &["Lambda.Example".to_owned()], 5, 1_000);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        rules
            .check(&Uri::from_static("/health"), &map)
            .map(str::to_owned)
    }

    #[test]
    fn known_hosts_pass_with_and_without_a_port() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1:9550",
            "[::1]",
            "[::1]:9550",
            "10.1.2.3",
            "lambda.example:1",
        ] {
            assert_eq!(check(&[("host", host)]), Ok(host.to_owned()));
        }
    }

    #[test]
    fn unknown_hosts_are_refused() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "localhost:80:80",
            "127.0.0.1@evil",
            "[::2]",
            "::1",
            "",
        ] {
            assert_eq!(
                check(&[("host", host)]),
                Err(Error::Host(host.to_owned())),
                "{host}"
            );
        }
        assert_eq!(check(&[]), Err(Error::NoHost));
        assert_eq!(
            check(&[("host", "localhost"), ("host", "localhost")]),
            Err(Error::NoHost)
        );
    }

    #[test]
    fn only_own_origins_pass() {
        let with = |origin| check(&[("host", "localhost:9550"), ("origin", origin)]);
        assert!(with("http://localhost:9550").is_ok());
        for origin in [
            "https://evil.example",
            "null",
            "file://",
            "http://localhost.evil",
        ] {
            assert_eq!(with(origin), Err(Error::Origin(origin.to_owned())));
        }
    }

    #[test]
    fn header_lines_are_counted() {
        let mut headers = vec![("host", "localhost")];
        headers.extend([("x-line", "1"); 5]);
        assert_eq!(check(&headers), Err(Error::Lines(5)));
    }

    #[test]
    fn header_bytes_are_counted() {
        let long = "x".repeat(1_000);
        assert_eq!(
            check(&[("host", "localhost"), ("x-long", &long)]),
            Err(Error::Bytes(1_000))
        );
    }
}
