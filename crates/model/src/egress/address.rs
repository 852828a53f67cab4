//! One reading of an address: what looks like IPv6 and is IPv4 behind a translator is that IPv4 address.

use super::TargetError;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks whose last 32 bits are an IPv4 address: mapped, NAT64, NAT64 of a site (as /96).
const FORMS: [(u128, u8); 3] = [
    (0xffff << 32, 96),
    (0x0064_ff9b << 96, 96),
    (0x0064_ff9b_0001 << 80, 48),
];

/// The address that traffic reaches: the IPv4 address in `::ffff:0:0/96`, `64:ff9b::/96` (NAT64) and
/// `64:ff9b:1::/48` (NAT64 of a site, by its last 32 bits), else the address itself.
pub fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if FORMS.iter().any(|form| has_form(v6, *form)) => IpAddr::V4(inner(v6)),
        other => other,
    }
}

/// The same for a network; one that holds IPv4 addresses only in part has no one reading.
pub(super) fn canonical_network(network: IpNet) -> Result<IpNet, TargetError> {
    let IpNet::V6(v6) = network else {
        return Ok(network);
    };
    match FORMS.iter().find(|form| overlaps(v6, **form)) {
        None => Ok(network),
        Some(_) if v6.prefix_len() >= 96 => {
            let prefix = v6.prefix_len() - 96;
            Ok(Ipv4Net::new_assert(inner(v6.addr()), prefix).into())
        }
        Some(_) => Err(TargetError::Translated),
    }
}

/// Whether the network lies in the form; wider ones mean IPv6 itself.
fn overlaps(network: Ipv6Net, form: (u128, u8)) -> bool {
    network.prefix_len() >= form.1 && has_form(network.addr(), form)
}

fn has_form(address: Ipv6Addr, (bits, prefix): (u128, u8)) -> bool {
    (address.to_bits() ^ bits) >> (128 - prefix) == 0
}

fn inner(address: Ipv6Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(address.to_bits() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_and_translated_addresses_are_the_ipv4_inside() {
        for form in [
            "::ffff:10.1.2.3",
            "::ffff:a01:203",
            "64:ff9b::10.1.2.3",
            "64:ff9b:1::10.1.2.3",
            "64:ff9b:1:7:8:9:a01:203",
            "10.1.2.3",
        ] {
            let read = canonical(form.parse().unwrap());
            assert_eq!(read.to_string(), "10.1.2.3", "{form}");
        }
    }

    #[test]
    fn other_addresses_are_themselves() {
        for other in [
            "2001:db8::1",
            "::1",
            "::fffe:10.1.2.3",
            "64:ff9b::1:a01:203",
            "64:ff9b:2::a01:203",
        ] {
            let address: IpAddr = other.parse().unwrap();
            assert_eq!(canonical(address), address);
        }
    }

    #[test]
    fn a_network_is_read_as_its_addresses_are() {
        let read = |text: &str| canonical_network(text.parse().unwrap()).map(|net| net.to_string());
        assert_eq!(read("::ffff:10.0.0.0/104").unwrap(), "10.0.0.0/8");
        assert_eq!(read("64:ff9b::/96").unwrap(), "0.0.0.0/0");
        assert_eq!(read("64:ff9b:1::10.1.2.3/128").unwrap(), "10.1.2.3/32");
        assert_eq!(read("::/0").unwrap(), "::/0");
        assert_eq!(read("2001:db8::/32").unwrap(), "2001:db8::/32");
        assert!(matches!(
            read("64:ff9b:1::/48"),
            Err(TargetError::Translated)
        ));
    }
}
