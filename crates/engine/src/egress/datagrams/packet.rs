//! Packets of a sandbox's device: what is read of them, and how answers are written.
//!
//! What comes is believed in nothing but its lengths, which are checked: fragments, headers between those of IP and
//! UDP, and every other protocol are nothing. Sums over a packet are not looked at: the kernel has just written them,
//! and nothing here or later trusts a packet more for them.

use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{
    Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpNumber, IpSlice, Ipv4Header, Ipv6Header,
    UdpHeader, UdpSlice,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Of IP and UDP, in front of what an answer carries.
pub(crate) const HEADERS_BYTES_MAX: usize = Ipv6Header::LEN + UdpHeader::LEN;
/// Who tells of failures: of the addresses that RFC 7335 sets aside for the far end of such a way, and beside the
/// sandbox's own.
const FAR_END_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 1);
const FAR_END_V6: Ipv6Addr = Ipv6Addr::new(0xfd4c, 0x6d62, 0x6b9e, 0x76, 0, 0, 0, 2);
/// Of packets that go no further.
const HOPS: u8 = 64;

/// Both ends of a datagram: the program's, and the one that it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ends {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
}

/// A datagram of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram<'p> {
    pub(crate) ends: Ends,
    pub(crate) payload: &'p [u8],
}

/// Why a datagram does not arrive, as its program is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// ENETUNREACH, over IPv6 EACCES: it is no destination.
    NoDestination,
    /// EHOSTUNREACH, over IPv6 EACCES: it is closed.
    Closed,
    /// EHOSTUNREACH, to those that ask for it: nothing leads there now.
    NoWay,
    /// ECONNREFUSED: nobody listens there.
    NobodyListens,
}

/// `None` is anything but one whole datagram of UDP for somebody.
pub(crate) fn read(packet: &[u8]) -> Option<Datagram<'_>> {
    let ip = IpSlice::from_slice(packet).ok()?;
    let (next, options) = match &ip {
        IpSlice::Ipv4(v4) => (v4.header().protocol(), v4.header().options()),
        IpSlice::Ipv6(v6) => (v6.header().next_header(), &[][..]),
    };
    if next != IpNumber::UDP || !options.is_empty() || ip.is_fragmenting_payload() {
        return None;
    }
    let udp = UdpSlice::from_slice(ip.payload().payload).ok()?;
    let ends = Ends {
        from: (ip.source_addr(), udp.source_port()).into(),
        to: (ip.destination_addr(), udp.destination_port()).into(),
    };
    (ends.to.port() != 0).then_some(Datagram {
        ends,
        payload: udp.payload(),
    })
}

/// The packet that answers a datagram. What it carries lies in the buffer behind room for headers already.
pub(crate) fn answer(ends: Ends, buffer: &mut [u8], bytes: usize) -> Option<&[u8]> {
    let end = HEADERS_BYTES_MAX.checked_add(bytes)?;
    let headers = headers(ends.to, ends.from, buffer.get(HEADERS_BYTES_MAX..end)?)?;
    let start = HEADERS_BYTES_MAX - headers.len();
    buffer[start..HEADERS_BYTES_MAX].copy_from_slice(&headers);
    Some(&buffer[start..end])
}

/// The packet that tells of a datagram that has not arrived.
pub(crate) fn failure(ends: Ends, obstacle: Obstacle) -> Option<Vec<u8>> {
    let lost = headers(ends.from, ends.to, &[])?;
    match ends.from.ip() {
        IpAddr::V4(to) => {
            let kind = Icmpv4Type::DestinationUnreachable(obstacle.of_v4());
            let told = Icmpv4Header::with_checksum(kind, &lost).to_bytes();
            let bytes = told.len() + lost.len();
            let ip = v4(FAR_END_V4, to, IpNumber::ICMP, bytes)?;
            Some([&ip.to_bytes()[..], &told, &lost].concat())
        }
        IpAddr::V6(to) => {
            let kind = Icmpv6Type::DestinationUnreachable(obstacle.of_v6());
            let (from, octets) = (FAR_END_V6.octets(), to.octets());
            let told = Icmpv6Header::with_checksum(kind, from, octets, &lost).ok()?;
            let told = told.to_bytes();
            let bytes = told.len() + lost.len();
            let ip = v6(FAR_END_V6, to, IpNumber::IPV6_ICMP, bytes)?;
            Some([&ip.to_bytes()[..], &told, &lost].concat())
        }
    }
}

impl Obstacle {
    fn of_v4(self) -> DestUnreachableHeader {
        match self {
            Self::NoDestination => DestUnreachableHeader::NetworkProhibited,
            Self::Closed => DestUnreachableHeader::FilterProhibited,
            Self::NoWay => DestUnreachableHeader::Host,
            Self::NobodyListens => DestUnreachableHeader::Port,
        }
    }

    fn of_v6(self) -> DestUnreachableCode {
        match self {
            Self::NoDestination | Self::Closed => DestUnreachableCode::Prohibited,
            Self::NoWay => DestUnreachableCode::Address,
            Self::NobodyListens => DestUnreachableCode::Port,
        }
    }
}

fn headers(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
    let (sender, receiver) = (from.port(), to.port());
    let bytes = UdpHeader::LEN + payload.len();
    match (from.ip(), to.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let ip = v4(from, to, IpNumber::UDP, bytes)?;
            let udp = UdpHeader::with_ipv4_checksum(sender, receiver, &ip, payload).ok()?;
            Some([&ip.to_bytes()[..], &udp.to_bytes()].concat())
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let ip = v6(from, to, IpNumber::UDP, bytes)?;
            let udp = UdpHeader::with_ipv6_checksum(sender, receiver, &ip, payload).ok()?;
            Some([&ip.to_bytes()[..], &udp.to_bytes()].concat())
        }
        _ => None,
    }
}

fn v4(from: Ipv4Addr, to: Ipv4Addr, next: IpNumber, bytes: usize) -> Option<Ipv4Header> {
    let bytes = u16::try_from(bytes).ok()?;
    let mut header = Ipv4Header::new(bytes, HOPS, next, from.octets(), to.octets()).ok()?;
    header.header_checksum = header.calc_header_checksum();
    Some(header)
}

fn v6(from: Ipv6Addr, to: Ipv6Addr, next: IpNumber, bytes: usize) -> Option<Ipv6Header> {
    Some(Ipv6Header {
        payload_length: u16::try_from(bytes).ok()?,
        next_header: next,
        hop_limit: HOPS,
        source: from.octets(),
        destination: to.octets(),
        ..Ipv6Header::default()
    })
}

#[cfg(test)]
mod tests;
