//! Addresses that no rule opens: what is no destination, and what is of the machine or its cloud alone.

use super::canonical;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why no function reaches an address, whatever its rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// `0.0.0.0/8`, `::`: the kernel reads them as the machine itself.
    Unspecified,
    /// `127.0.0.0/8`, `::1`, other than the environment's own.
    Loopback,
    /// `169.254.0.0/16`, `fe80::/10`: the link, and the metadata services of most clouds.
    LinkLocal,
    /// `224.0.0.0/4`, `ff00::/8`.
    Multicast,
    /// `240.0.0.0/4` with broadcast.
    Reserved,
    /// Metadata services of clouds that are not link-local.
    Metadata,
    /// IPv4 in forms of IPv6 that are out of use, by which filters are walked around: IPv4-compatible,
    /// IPv4-translated, Teredo, 6to4.
    Obsolete,
}

/// Every network of the hard denials, in the order that `show` names them.
const NETWORKS: [(Forbidden, &[IpNet]); 7] = [
    (
        Forbidden::Unspecified,
        &[v4([0, 0, 0, 0], 8), v6([0; 8], 128)],
    ),
    (
        Forbidden::Loopback,
        &[v4([127, 0, 0, 0], 8), v6([0, 0, 0, 0, 0, 0, 0, 1], 128)],
    ),
    (
        Forbidden::LinkLocal,
        &[
            v4([169, 254, 0, 0], 16),
            v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
        ],
    ),
    (
        Forbidden::Multicast,
        &[v4([224, 0, 0, 0], 4), v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8)],
    ),
    (Forbidden::Reserved, &[v4([240, 0, 0, 0], 4)]),
    (
        Forbidden::Metadata,
        &[
            // Alibaba, Azure, Oracle; then AWS, Google, Scaleway.
            v4([100, 100, 100, 200], 32),
            v4([168, 63, 129, 16], 32),
            v4([192, 0, 0, 192], 32),
            v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128),
            v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
            v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128),
        ],
    ),
    (
        Forbidden::Obsolete,
        &[
            v6([0; 8], 96),
            v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
            v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32),
            v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
        ],
    ),
];

impl Forbidden {
    /// Why an address is out of reach, if it is; read in its [canonical] form.
    pub fn of(address: IpAddr) -> Option<Self> {
        let address = canonical(address);
        Self::all().find(|why| why.networks().iter().any(|net| net.contains(&address)))
    }

    /// Why a whole network is out of reach, if one reason covers it.
    pub(super) fn of_network(network: IpNet) -> Option<Self> {
        Self::all().find(|why| why.networks().iter().any(|net| net.contains(&network)))
    }

    /// All reasons, in the order in which they are looked at.
    pub fn all() -> impl Iterator<Item = Self> {
        NETWORKS.iter().map(|(why, _)| *why)
    }

    /// The networks that it closes.
    pub fn networks(self) -> &'static [IpNet] {
        NETWORKS
            .iter()
            .find(|(why, _)| *why == self)
            .map_or(&[], |(_, networks)| networks)
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified addresses",
            Self::Loopback => "loopback of the machine",
            Self::LinkLocal => "link-local and metadata addresses",
            Self::Multicast => "multicast",
            Self::Reserved => "reserved addresses and broadcast",
            Self::Metadata => "metadata services of clouds",
            Self::Obsolete => "obsolete forms of IPv4 in IPv6",
        })
    }
}

const fn v4(octets: [u8; 4], prefix: u8) -> IpNet {
    let [a, b, c, d] = octets;
    IpNet::V4(ipnet::Ipv4Net::new_assert(
        Ipv4Addr::new(a, b, c, d),
        prefix,
    ))
}

const fn v6(segments: [u16; 8], prefix: u8) -> IpNet {
    let [a, b, c, d, e, f, g, h] = segments;
    let address = Ipv6Addr::new(a, b, c, d, e, f, g, h);
    IpNet::V6(ipnet::Ipv6Net::new_assert(address, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Option<Forbidden> {
        Forbidden::of(address.parse().unwrap())
    }

    #[test]
    fn both_ends_of_every_closed_network_are_closed_and_their_neighbours_are_not() {
        for (why, networks) in NETWORKS {
            for network in networks {
                let (first, last) = (network.network(), network.broadcast());
                assert!(Forbidden::of(first).is_some(), "{why}: {first}");
                assert!(Forbidden::of(last).is_some(), "{why}: {last}");
            }
        }
        for open in [
            "1.0.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "223.255.255.255",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "100.100.100.201",
            "168.63.129.15",
            "203.0.113.1",
            "2001:db8::1",
            "2001:1::1",
            "2003::1",
            "fd00::1",
            "fec0::1",
            "::1:0:0:0",
            "fe7f:ffff::1",
        ] {
            assert_eq!(of(open), None, "{open}");
        }
    }

    #[test]
    fn every_form_of_a_closed_ipv4_address_is_closed() {
        assert_eq!(of("169.254.169.254"), Some(Forbidden::LinkLocal));
        assert_eq!(of("::ffff:169.254.169.254"), Some(Forbidden::LinkLocal));
        assert_eq!(of("64:ff9b::a9fe:a9fe"), Some(Forbidden::LinkLocal));
        assert_eq!(of("64:ff9b:1::127.0.0.1"), Some(Forbidden::Loopback));
        assert_eq!(of("::127.0.0.1"), Some(Forbidden::Obsolete));
        assert_eq!(of("::ffff:0:127.0.0.1"), Some(Forbidden::Obsolete));
        assert_eq!(of("2002:7f00:1::1"), Some(Forbidden::Obsolete));
        assert_eq!(of("2001:0:7f00:1::1"), Some(Forbidden::Obsolete));
        assert_eq!(of("::"), Some(Forbidden::Unspecified));
        assert_eq!(of("::1"), Some(Forbidden::Loopback));
        assert_eq!(of("255.255.255.255"), Some(Forbidden::Reserved));
        assert_eq!(of("fd00:ec2::254"), Some(Forbidden::Metadata));
    }
}
