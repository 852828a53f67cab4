//! Whether a connection is made, and to where: what holds for all, the machine's routes, the function's rules.
//!
//! ```text
//! destination ─▶ the API's fixed address? ─▶ denied to all, or by a rule? ─▶ an address of the machine? ─▶ made
//! ```

use lambkin_model::egress::{Denial, Rules, Verdict, canonical};
use lambkin_sandbox::outbound::{Route, Routes};
use rustix::io::Errno;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

/// Where functions find the server's own API, where they may: no machine has the address, and no rule closes it.
pub(super) const API_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 100, 1);

/// Why a connection is not made.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It may not be.
    Denied(Denial),
    /// It cannot be: the error that tells why.
    Unreachable(io::Error),
}

impl Refusal {
    /// What the program's `connect` fails with: what goes nowhere is unreachable, what is forbidden is refused.
    pub(crate) fn errno(&self) -> i32 {
        let errno = match self {
            Self::Denied(Denial::Address(_) | Denial::Machine) => Errno::NETUNREACH,
            Self::Denied(Denial::Mail | Denial::Rule(_)) => Errno::ACCESS,
            Self::Unreachable(error) => Errno::from_io_error(error).unwrap_or(Errno::NETUNREACH),
        };
        errno.raw_os_error()
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error)
    }
}

/// What decides for every function.
#[derive(Debug)]
pub(super) struct Admission {
    routes: Routes,
    /// Where the server's own API listens, if functions may reach it.
    api: Option<SocketAddr>,
}

impl Admission {
    pub(super) fn new(api: Option<SocketAddr>) -> io::Result<Self> {
        Ok(Self {
            routes: Routes::open()?,
            api: api.map(reachable),
        })
    }

    /// Whether functions may reach the API.
    pub(super) fn opens_api(&self) -> bool {
        self.api.is_some()
    }

    /// Where to connect to for a program that gave this destination. What is looked at is what is connected to.
    pub(super) fn admit(&self, rules: &Rules, to: SocketAddr) -> Result<SocketAddr, Refusal> {
        if let Some(api) = self.api_for(to) {
            return api;
        }
        self.may_leave(rules, to)?;
        Ok(match to {
            SocketAddr::V4(_) => to,
            // What else the form holds (a flow, a zone) has no meaning for addresses that are let through.
            SocketAddr::V6(to) => SocketAddrV6::new(*to.ip(), to.port(), 0, 0).into(),
        })
    }

    /// Whether anything may go there, but for the API's address, where datagrams find nothing.
    pub(super) fn may_leave(&self, rules: &Rules, to: SocketAddr) -> Result<(), Refusal> {
        if let Verdict::Denied(denial) = rules.decide(to) {
            return Err(Refusal::Denied(denial));
        }
        self.check_route(to.ip())
    }

    fn api_for(&self, to: SocketAddr) -> Option<Result<SocketAddr, Refusal>> {
        let api = self.api?;
        if canonical(to.ip()) != API_ADDRESS || to.port() != api.port() {
            return None;
        }
        Some(match (to, api.ip()) {
            (SocketAddr::V4(_), IpAddr::V4(_)) | (SocketAddr::V6(_), IpAddr::V6(_)) => Ok(api),
            (SocketAddr::V6(_), IpAddr::V4(ip)) => Ok((ip.to_ipv6_mapped(), api.port()).into()),
            (SocketAddr::V4(_), IpAddr::V6(_)) => {
                Err(Refusal::Unreachable(Errno::NETUNREACH.into()))
            }
        })
    }

    /// The address as the kernel will read it, and the IPv4 address that a translator would make of it.
    fn check_route(&self, to: IpAddr) -> Result<(), Refusal> {
        let literal = to.to_canonical();
        if self.routes.look_up(literal)? == Route::Own {
            return Err(Refusal::Denied(Denial::Machine));
        }
        let translated = canonical(to);
        // Where it leads to is the translator's concern, and what leads nowhere is no address of the machine.
        let is_own = translated != literal
            && self
                .routes
                .look_up(translated)
                .is_ok_and(|route| route == Route::Own);
        match is_own {
            true => Err(Refusal::Denied(Denial::Machine)),
            false => Ok(()),
        }
    }
}

/// A listener on all addresses is reached on loopback.
fn reachable(listener: SocketAddr) -> SocketAddr {
    match listener.ip() {
        ip if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, listener.port()).into(),
        _ => listener,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_model::egress::{Action, Forbidden};

    fn admit(api: Option<&str>, rules: &Rules, to: &str) -> Result<SocketAddr, Refusal> {
        let api = api.map(|api| api.parse().unwrap());
        Admission::new(api)
            .unwrap()
            .admit(rules, to.parse().unwrap())
    }

    #[test]
    fn the_api_is_at_its_address_and_port_alone_and_only_where_it_is_opened() {
        let rules = Rules::default()
            .with(Action::Deny, &["0.0.0.0/0".parse().unwrap()])
            .unwrap();
        let api = |listens, to| admit(Some(listens), &rules, to).map(|to| to.to_string());
        let (plain, mapped) = ("169.254.100.1:9550", "[::ffff:169.254.100.1]:9550");
        assert_eq!(api("127.0.0.1:9550", plain).unwrap(), "127.0.0.1:9550");
        assert_eq!(api("0.0.0.0:9550", plain).unwrap(), "127.0.0.1:9550");
        assert_eq!(api("[::]:9550", plain).unwrap(), "127.0.0.1:9550");
        assert_eq!(
            api("127.0.0.1:9550", mapped).unwrap(),
            "[::ffff:127.0.0.1]:9550"
        );
        assert_eq!(api("[::1]:9550", mapped).unwrap(), "[::1]:9550");
        assert!(api("[::1]:9550", plain).is_err());
        for other in ["169.254.100.1:9551", "169.254.100.2:9550", "127.0.0.1:9550"] {
            let error = api("127.0.0.1:9550", other).unwrap_err();
            assert!(
                matches!(error, Refusal::Denied(Denial::Address(_))),
                "{other}"
            );
        }
        assert!(admit(None, &Rules::default(), plain).is_err());
        let open = Admission::new(Some("127.0.0.1:9550".parse().unwrap())).unwrap();
        let datagram = open.may_leave(&Rules::default(), plain.parse().unwrap());
        assert!(
            datagram.is_err(),
            "to a port of the machine that is another's"
        );
    }

    #[test]
    fn what_goes_nowhere_is_unreachable_and_what_is_forbidden_refused() {
        let errno = |refusal: Refusal| Errno::from_raw_os_error(refusal.errno());
        let denied = |denial| errno(Refusal::Denied(denial));
        assert_eq!(
            denied(Denial::Address(Forbidden::Loopback)),
            Errno::NETUNREACH
        );
        assert_eq!(denied(Denial::Machine), Errno::NETUNREACH);
        assert_eq!(denied(Denial::Mail), Errno::ACCESS);
        let rule = Rules::none_reached().as_slice()[0];
        assert_eq!(denied(Denial::Rule(rule)), Errno::ACCESS);
        assert_eq!(
            errno(io::Error::from(Errno::HOSTUNREACH).into()),
            Errno::HOSTUNREACH
        );
        assert_eq!(
            errno(io::Error::from(io::ErrorKind::InvalidData).into()),
            Errno::NETUNREACH
        );
    }
}
