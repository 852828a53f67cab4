//! What a rule is about: a network, or one address, and ports.
//!
//! ```text
//! 203.0.113.7   10.0.0.0/8:443   2001:db8::/32   [2001:db8::1]:80-90   [2001:db8::/32]:443
//! all, all:443            both families (two targets)
//! private, private:443    the networks of a LAN (five targets)
//! ```

use super::address::canonical_network;
use super::{Forbidden, Ports};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Longer texts are not looked at: the longest target has about 60 bytes.
const TEXT_BYTES_MAX: usize = 128;
const ALL: [&str; 2] = ["0.0.0.0/0", "::/0"];
/// RFC 1918, carrier-grade NAT, unique local.
const PRIVATE: [&str; 5] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "fc00::/7",
];

/// A network and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    network: IpNet,
    ports: Ports,
}

/// Why a text is no target, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither an address nor a network nor a word.
    #[error(
        "'{0}' is not an address or a network: write 203.0.113.7, 10.0.0.0/8, 2001:db8::/32, `all` or \
         `private`, with ports as 10.0.0.0/8:443 or [2001:db8::/32]:443; host names cannot be rules"
    )]
    Network(String),
    /// The address of a network has bits that its prefix leaves out.
    #[error(
        "'{written}' has bits behind its prefix: write {network} for the network or {address} for the address"
    )]
    HostBits {
        /// As it came.
        written: String,
        /// The network that it may mean.
        network: IpNet,
        /// The address that it may mean.
        address: IpAddr,
    },
    /// Not a port or a range of ports.
    #[error("'{0}' is not a port or a range of ports: write 443, or 8000-8100, from 1 to 65535")]
    Ports(String),
    /// Ports after an IPv6 network without brackets could be part of it.
    #[error("'{0}': an IPv6 network with ports is written with brackets, as [2001:db8::/32]:443")]
    Brackets(String),
    /// Part of it means IPv4.
    #[error(
        "addresses in 64:ff9b:1::/48 are read as the IPv4 address inside: write the IPv4 network"
    )]
    Translated,
    /// Longer than any target.
    #[error("a rule has more than {TEXT_BYTES_MAX} bytes")]
    TooLong,
}

impl Target {
    /// The network in its canonical form.
    pub fn network(&self) -> IpNet {
        self.network
    }

    /// The ports.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// A network with all ports, as it is.
    pub fn whole(network: IpNet) -> Self {
        Self {
            network,
            ports: Ports::ALL,
        }
    }

    /// Whether it is a whole family with all ports.
    pub(super) fn is_everything(&self) -> bool {
        self.network.prefix_len() == 0 && self.ports == Ports::ALL
    }

    /// Whether a [canonical](super::canonical) destination is meant.
    pub fn covers(&self, destination: SocketAddr) -> bool {
        self.network.contains(&destination.ip()) && self.ports.contain(destination.port())
    }

    /// Why allowing it has no effect, if that is so.
    pub(super) fn cannot_open(&self) -> Option<super::Denial> {
        if self.ports.is_only(super::verdict::MAIL_PORT) {
            return Some(super::Denial::Mail);
        }
        Forbidden::of_network(self.network).map(super::Denial::Address)
    }

    fn new(network: IpNet, ports: Ports) -> Result<Self, TargetError> {
        let network = canonical_network(network)?;
        Ok(Self { network, ports })
    }
}

/// What one written rule means: one target, or several by a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets(pub Vec<Target>);

impl FromStr for Targets {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(TargetError::TooLong);
        }
        let (word, ports) = text
            .split_once(':')
            .map_or((text, None), |(word, ports)| (word, Some(ports)));
        let networks: &[&str] = match word {
            "all" => &ALL,
            "private" => &PRIVATE,
            _ => return Ok(Self(vec![text.parse()?])),
        };
        let ports = ports.map_or(Ok(Ports::ALL), Ports::parse)?;
        let target = |written: &&str| Target::new(network(written)?, ports);
        Ok(Self(networks.iter().map(target).collect::<Result<_, _>>()?))
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (written, ports) = parts(text)?;
        let ports = ports.map_or(Ok(Ports::ALL), Ports::parse)?;
        Self::new(network(written)?, ports)
    }
}

/// Splits a text into its network and its ports.
fn parts(text: &str) -> Result<(&str, Option<&str>), TargetError> {
    let malformed = || TargetError::Network(text.to_owned());
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, after) = rest.split_once(']').ok_or_else(malformed)?;
        return match after.strip_prefix(':') {
            Some(ports) => Ok((inside, Some(ports))),
            None if after.is_empty() => Ok((inside, None)),
            None => Err(malformed()),
        };
    }
    match text.split_once(':') {
        // One colon: IPv4 and ports. More: IPv6 alone, in which no colon follows the prefix.
        Some((network, ports)) if !ports.contains(':') => Ok((network, Some(ports))),
        Some(_)
            if text
                .split_once('/')
                .is_some_and(|(_, prefix)| prefix.contains(':')) =>
        {
            Err(TargetError::Brackets(text.to_owned()))
        }
        _ => Ok((text, None)),
    }
}

fn network(text: &str) -> Result<IpNet, TargetError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| TargetError::Network(text.to_owned()))?;
    if network.trunc() == network {
        return Ok(network);
    }
    Err(TargetError::HostBits {
        written: text.to_owned(),
        network: network.trunc(),
        address: network.addr(),
    })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = self.network.prefix_len() == self.network.max_prefix_len();
        let network: &dyn fmt::Display = match single {
            true => &self.network.addr(),
            false => &self.network,
        };
        match (self.ports, self.network) {
            (Ports::ALL, _) => write!(f, "{network}"),
            (ports, IpNet::V4(_)) => write!(f, "{network}:{ports}"),
            (ports, IpNet::V6(_)) => write!(f, "[{network}]:{ports}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
