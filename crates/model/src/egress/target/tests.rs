//! How targets are written, shown and refused.

use super::*;
use proptest::prelude::*;

fn shown(text: &str) -> String {
    text.parse::<Target>().unwrap().to_string()
}

#[test]
fn every_form_is_read_and_shown_in_one_way() {
    for text in [
        "203.0.113.7",
        "203.0.113.7:443",
        "10.0.0.0/8",
        "10.0.0.0/8:80-90",
        "2001:db8::1",
        "2001:db8::/32",
        "[2001:db8::1]:80-90",
        "[2001:db8::/32]:443",
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/8:1-65535",
    ] {
        assert_eq!(shown(text), text);
    }
    assert_eq!(shown("203.0.113.7/32"), "203.0.113.7");
    assert_eq!(shown("[2001:db8::1]"), "2001:db8::1");
    assert_eq!(shown("2001:DB8:0::1/128"), "2001:db8::1");
    assert_eq!(shown("[::ffff:10.0.0.0/104]:443"), "10.0.0.0/8:443");
    assert_eq!(shown("64:ff9b::10.1.2.3"), "10.1.2.3");
    assert_eq!(shown("10.0.0.0/8:80-80"), "10.0.0.0/8:80");
    // Without brackets the last group is a part of the address.
    assert_eq!(shown("2001:db8::1:443"), "2001:db8::1:443");
}

#[test]
fn words_mean_several_targets() {
    let texts = |word: &str| -> Vec<String> {
        let targets: Targets = word.parse().unwrap();
        targets.0.iter().map(Target::to_string).collect()
    };
    assert_eq!(texts("all"), ["0.0.0.0/0", "::/0"]);
    assert_eq!(texts("all:443"), ["0.0.0.0/0:443", "[::/0]:443"]);
    assert_eq!(texts("private")[..2], ["10.0.0.0/8", "172.16.0.0/12"]);
    assert_eq!(texts("private:22").len(), 5);
    assert_eq!(texts("10.1.2.3:22"), ["10.1.2.3:22"]);
}

#[test]
fn what_is_wrong_is_said_with_what_to_write() {
    let refused = |text: &str| text.parse::<Targets>().unwrap_err().to_string();
    for (text, say) in [
        ("", "not an address or a network"),
        ("example.com", "host names cannot be rules"),
        ("example.com:443", "host names cannot be rules"),
        ("10.0.0.0/33", "not an address or a network"),
        ("10.0.0", "not an address or a network"),
        ("010.0.0.1", "not an address or a network"),
        ("fe80::1%eth0", "not an address or a network"),
        ("[10.0.0.1", "not an address or a network"),
        ("[::/0]443", "not an address or a network"),
        (
            "10.1.2.3/8",
            "write 10.0.0.0/8 for the network or 10.1.2.3 for the address",
        ),
        (
            "2001:db8::1/32",
            "write 2001:db8::/32 for the network or 2001:db8::1 for",
        ),
        ("2001:db8::/32:443", "with brackets, as [2001:db8::/32]:443"),
        ("10.0.0.0/8:0", "'0' is not a port"),
        ("10.0.0.0/8:", "'' is not a port"),
        ("10.0.0.0/8:+80", "'+80' is not a port"),
        ("10.0.0.0/8:90-80", "'90-80' is not a port or a range"),
        ("10.0.0.0/8:65536", "'65536' is not a port"),
        ("all:https", "'https' is not a port"),
        ("64:ff9b:1::/48", "write the IPv4 network"),
        (&"1".repeat(129), "more than 128 bytes"),
    ] {
        let said = refused(text);
        assert!(said.contains(say), "{text}: {said}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(bits: u128, prefix in 0..=128u8, first in 1..=u16::MAX, last in 1..=u16::MAX) {
        let v6 = ipnet::Ipv6Net::new_assert(bits.into(), prefix).trunc();
        let v4 = ipnet::Ipv4Net::new_assert((bits as u32).into(), prefix % 33).trunc();
        for network in [IpNet::V6(v6), IpNet::V4(v4)] {
            for written in [network.to_string(), format!("[{network}]:{}-{}", first.min(last), first.max(last))] {
                if let Ok(target) = written.parse::<Target>() {
                    prop_assert_eq!(target.to_string().parse::<Target>().unwrap(), target);
                }
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_fail_otherwise_than_with_an_error(text in ".{0,140}") {
        let _ = text.parse::<Targets>();
    }
}
