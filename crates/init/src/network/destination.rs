//! Where an address leads: into the sandbox itself, out of it, or nowhere.

use crate::kernel::sockets::RawAddress;
use rustix::net::AddressFamily;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// What loopback has beside its usual addresses, so that programs which look for a network find one.
pub const ADDRESS_V4: Ipv4Addr = Ipv4Addr::new(169, 254, 76, 1);
/// The same of the other family, of nobody's: made by RFC 4193 from random bits.
pub const ADDRESS_V6: Ipv6Addr = Ipv6Addr::new(0xfd4c, 0x6d62, 0x6b9e, 0x76, 0, 0, 0, 1);

/// What the way out of datagrams has, where there is one: of those that RFC 7335 sets aside for the near end of such a
/// way, and so nobody's. Not link-local, or programs would take IPv4 for what leads less far than IPv6.
pub const TUNNEL_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 2);

/// Shortest address of version 6 that the kernel takes: the scope may be missing.
const V6_BYTES_MIN: usize = 24;

/// Where a TCP socket is to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// The sandbox, or an address that is none: the kernel answers best.
    Inside,
    /// No family: an end to the connection that there is.
    Nobody,
    /// Beyond the sandbox.
    Outside(SocketAddr),
}

impl Destination {
    /// Of an address for a socket of that family.
    pub(super) fn of(family: AddressFamily, address: &RawAddress) -> Self {
        let bytes = address.bytes();
        match address.family() {
            Some(libc::AF_UNSPEC) => Self::Nobody,
            Some(libc::AF_INET) if family == AddressFamily::INET => v4(bytes).into(),
            Some(libc::AF_INET6) if family == AddressFamily::INET6 => v6(bytes).into(),
            _ => Self::Inside,
        }
    }
}

impl From<Option<SocketAddr>> for Destination {
    fn from(address: Option<SocketAddr>) -> Self {
        match address {
            Some(address) if !is_own(address.ip()) => Self::Outside(address),
            _ => Self::Inside,
        }
    }
}

fn v4(bytes: &[u8]) -> Option<SocketAddr> {
    // Family, port, address, and as many zeros again.
    let [_, _, p, q, a, b, c, d, ..] = *bytes.first_chunk::<16>()?;
    let address = Ipv4Addr::new(a, b, c, d);
    let port = u16::from_be_bytes([p, q]);
    Some(SocketAddrV4::new(address, port).into())
}

fn v6(bytes: &[u8]) -> Option<SocketAddr> {
    // Family, port, flow, address, scope.
    let known = bytes.first_chunk::<V6_BYTES_MIN>()?;
    let port = u16::from_be_bytes([known[2], known[3]]);
    let address: [u8; 16] = *known[8..].first_chunk()?;
    let scope = bytes[V6_BYTES_MIN..].first_chunk::<4>();
    let scope = scope.map_or(0, |scope| u32::from_ne_bytes(*scope));
    Some(SocketAddrV6::new(address.into(), port, 0, scope).into())
}

/// To the unspecified address one connects as to loopback.
fn is_own(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let has = [ADDRESS_V4, TUNNEL_V4].contains(&address);
            has || address.is_loopback() || address.is_unspecified()
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unspecified() || address == ADDRESS_V6
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(family: AddressFamily, bytes: &[u8]) -> Destination {
        Destination::of(family, &RawAddress::new(bytes).unwrap())
    }

    fn raw_v4(address: [u8; 4]) -> Vec<u8> {
        let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
        bytes.extend([1, 187]);
        bytes.extend(address);
        bytes.extend([0; 8]);
        bytes
    }

    fn raw_v6(address: &str) -> Vec<u8> {
        let address: Ipv6Addr = address.parse().unwrap();
        let mut bytes = (libc::AF_INET6 as u16).to_ne_bytes().to_vec();
        bytes.extend([1, 187, 0, 0, 0, 0]);
        bytes.extend(address.octets());
        bytes.extend(7u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn own_addresses_stay_inside() {
        for own in [
            [127, 0, 0, 1],
            [127, 9, 9, 9],
            [0; 4],
            [169, 254, 76, 1],
            [192, 0, 0, 2],
        ] {
            assert_eq!(of(AddressFamily::INET, &raw_v4(own)), Destination::Inside);
        }
        for own in ["::1", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"] {
            assert_eq!(of(AddressFamily::INET6, &raw_v6(own)), Destination::Inside);
        }
    }

    #[test]
    fn others_lead_outside_whole() {
        let outside = of(AddressFamily::INET, &raw_v4([203, 0, 113, 9]));
        let told = "203.0.113.9:443".parse().unwrap();
        assert_eq!(outside, Destination::Outside(told));
        let outside = of(AddressFamily::INET6, &raw_v6("fe80::9"));
        let told = SocketAddrV6::new("fe80::9".parse().unwrap(), 443, 0, 7);
        assert_eq!(outside, Destination::Outside(told.into()));
        let short = &raw_v6("2001:db8::9")[..V6_BYTES_MIN];
        let told = "[2001:db8::9]:443".parse().unwrap();
        assert_eq!(of(AddressFamily::INET6, short), Destination::Outside(told));
    }

    #[test]
    fn what_is_no_address_of_the_socket_is_the_kernel_s() {
        let v4 = raw_v4([203, 0, 113, 9]);
        assert_eq!(of(AddressFamily::INET6, &v4), Destination::Inside);
        assert_eq!(of(AddressFamily::INET, &v4[..15]), Destination::Inside);
        assert_eq!(of(AddressFamily::INET, &[]), Destination::Inside);
        let v6 = raw_v6("2001:db8::9");
        assert_eq!(of(AddressFamily::INET, &v6), Destination::Inside);
        assert_eq!(of(AddressFamily::INET6, &v6[..23]), Destination::Inside);
        assert_eq!(of(AddressFamily::INET, &[0, 0]), Destination::Nobody);
    }
}
