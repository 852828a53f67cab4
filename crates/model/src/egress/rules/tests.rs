//! Which rule decides, over written cases and over random ones against another way to say the same.

use super::*;
use crate::egress::Targets;
use proptest::prelude::*;
use std::net::IpAddr;

fn targets(texts: &[&str]) -> Vec<Target> {
    let one = |text: &&str| text.parse::<Targets>().unwrap().0;
    texts.iter().flat_map(one).collect()
}

fn rules(written: &[&str]) -> Rules {
    written.iter().fold(Rules::default(), |rules, line| {
        let (action, target) = line.split_once(' ').unwrap();
        let action = match action {
            "deny" => Action::Deny,
            _ => Action::Allow,
        };
        rules.with(action, &targets(&[target])).unwrap()
    })
}

fn decide(rules: &Rules, destination: &str) -> String {
    match rules.decide(destination.parse().unwrap()) {
        Verdict::Allowed => "allowed".to_owned(),
        Verdict::Denied(why) => why.to_string(),
    }
}

#[test]
fn without_rules_all_is_open_but_the_hard_denials() {
    let none = Rules::default();
    for open in [
        "203.0.113.1:443",
        "10.0.0.1:5432",
        "[2001:db8::1]:80",
        "203.0.113.1:0",
    ] {
        assert_eq!(decide(&none, open), "allowed", "{open}");
    }
    assert_eq!(
        decide(&none, "203.0.113.1:25"),
        "port 25 is closed to every function"
    );
    assert_eq!(
        decide(&none, "[2001:db8::1]:25"),
        "port 25 is closed to every function"
    );
    assert!(decide(&none, "[::ffff:169.254.169.254]:80").contains("link-local"));
}

#[test]
fn no_rule_lifts_a_hard_denial() {
    let open = rules(&["allow all", "allow all:20-30", "allow 160.0.0.0/4"]);
    assert!(decide(&open, "127.0.0.1:80").contains("loopback"));
    assert!(decide(&open, "169.254.169.254:80").contains("link-local"));
    assert!(decide(&open, "203.0.113.1:25").contains("port 25"));
}

#[test]
fn an_allow_that_can_open_nothing_is_refused_and_says_why() {
    let refused = |text: &str| {
        Rules::default()
            .with(Action::Allow, &targets(&[text]))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused("169.254.169.254:80"),
        "`allow 169.254.169.254:80` would have no effect: no function reaches link-local and metadata \
         addresses, and no rule opens that"
    );
    assert!(refused("127.0.0.0/8").contains("loopback"));
    assert!(refused("203.0.113.0/24:25").contains("port 25"));
    assert!(refused("::ffff:127.0.0.1").contains("loopback"));
    assert!(
        Rules::default()
            .with(Action::Deny, &targets(&["127.0.0.0/8"]))
            .is_ok()
    );
}

#[test]
fn the_most_specific_network_decides_then_the_narrower_ports_then_deny() {
    let some = rules(&[
        "deny all",
        "allow 203.0.113.0/24",
        "deny 203.0.113.7",
        "allow 203.0.113.7:443",
        "allow 203.0.113.8:80-90",
        "deny 203.0.113.8:85-95",
        "allow 2001:db8::/32",
    ]);
    for (destination, verdict) in [
        ("198.51.100.1:443", "the function's rule `deny 0.0.0.0/0`"),
        ("[2001:db9::1]:443", "the function's rule `deny ::/0`"),
        ("[2001:db8::1]:443", "allowed"),
        ("203.0.113.1:443", "allowed"),
        ("[::ffff:203.0.113.1]:443", "allowed"),
        (
            "[64:ff9b::203.0.113.7]:80",
            "the function's rule `deny 203.0.113.7`",
        ),
        ("203.0.113.7:443", "allowed"),
        ("203.0.113.8:84", "allowed"),
        (
            "203.0.113.8:85",
            "the function's rule `deny 203.0.113.8:85-95`",
        ),
        (
            "203.0.113.8:91",
            "the function's rule `deny 203.0.113.8:85-95`",
        ),
        ("203.0.113.8:96", "allowed"),
    ] {
        assert_eq!(decide(&some, destination), verdict, "{destination}");
    }
}

#[test]
fn the_last_word_on_a_target_replaces_the_one_before() {
    let flipped = rules(&["deny 10.0.0.0/8", "allow 10.0.0.0/8", "allow 10.0.0.0/8"]);
    assert_eq!(flipped, rules(&["allow 10.0.0.0/8"]));
    let both = rules(&["deny 10.0.0.0/8", "allow ::ffff:10.0.0.0/104"]);
    assert_eq!(both, flipped, "the same network in another form");
}

#[test]
fn removing_names_what_is_not_there_and_then_removes_nothing() {
    let some = rules(&["deny all", "allow 10.0.0.0/8:443"]);
    let left = some.without(&targets(&["all"])).unwrap();
    assert_eq!(left, rules(&["allow 10.0.0.0/8:443"]));
    let refused = some.without(&targets(&["all", "10.0.0.0/8"])).unwrap_err();
    assert_eq!(refused, EditError::NotThere(targets(&["10.0.0.0/8"])[0]));
}

#[test]
fn a_function_has_at_most_64_rules() {
    let many: Vec<Target> = (0..64)
        .map(|n| format!("10.0.{n}.0/24").parse().unwrap())
        .collect();
    let full = Rules::default().with(Action::Deny, &many).unwrap();
    let again = full.with(Action::Allow, &many).unwrap();
    assert_eq!(again.as_slice().len(), 64, "the same targets");
    let refused = full.with(Action::Deny, &targets(&["private"])).unwrap_err();
    assert_eq!(refused, EditError::TooMany(69));
}

#[test]
fn where_rules_are_unknown_nothing_is_reached() {
    let none = Rules::none_reached();
    assert!(decide(&none, "203.0.113.1:443").contains("deny 0.0.0.0/0"));
    assert!(decide(&none, "[2001:db8::1]:443").contains("deny ::/0"));
}

#[test]
fn it_is_known_when_nothing_is_open() {
    assert!(rules(&["deny all"]).open_nothing());
    assert!(rules(&["deny all", "deny 10.0.0.0/8:80"]).open_nothing());
    assert!(Rules::none_reached().open_nothing());
    for open in [
        &["deny 0.0.0.0/0"][..],
        &["deny ::/0"],
        &["deny all:443"],
        &["deny all", "allow 203.0.113.7:443"],
        &[],
    ] {
        assert!(!rules(open).open_nothing(), "{open:?}");
    }
}

#[test]
fn rules_are_kept_as_json_and_read_in_any_order() {
    let some = rules(&["deny all:80", "allow 10.0.0.0/8"]);
    let json = serde_json::to_string(&some).unwrap();
    assert_eq!(
        json,
        r#"[{"action":"allow","target":"10.0.0.0/8"},{"action":"deny","target":"0.0.0.0/0:80"},{"action":"deny","target":"[::/0]:80"}]"#
    );
    let mut turned: Vec<Rule> = serde_json::from_str(&json).unwrap();
    turned.reverse();
    let turned = serde_json::to_string(&turned).unwrap();
    assert_eq!(serde_json::from_str::<Rules>(&turned).unwrap(), some);
}

/// Small networks around one address and few ports, so that rules overlap.
fn any_rule() -> impl Strategy<Value = Rule> {
    let network = (0..8u32, 24..=32u8).prop_map(|(host, prefix)| {
        ipnet::Ipv4Net::new_assert((0xcb00_7100 + host).into(), prefix).trunc()
    });
    (network, 79..84u16, 79..84u16, any::<bool>(), any::<bool>()).prop_map(
        |(network, one, other, all, deny)| {
            let ports = format!(":{}-{}", one.min(other), one.max(other));
            let target = format!("{network}{}", if all { "" } else { &ports });
            let action = if deny { Action::Deny } else { Action::Allow };
            Rule {
                action,
                target: target.parse().unwrap(),
            }
        },
    )
}

proptest! {
    #[test]
    fn the_decision_is_that_of_the_best_rule_in_whatever_order_they_come(
        list in prop::collection::vec(any_rule(), 0..12),
        host in 0..8u32,
        port in 78..85u16,
    ) {
        let destination = SocketAddr::new(IpAddr::V4((0xcb00_7100 + host).into()), port);
        let covering: Vec<&Rule> = list.iter().filter(|rule| rule.target.covers(destination)).collect();
        let prefix = covering.iter().map(|rule| rule.target.network().prefix_len()).max();
        let specific = covering.iter().filter(|rule| Some(rule.target.network().prefix_len()) == prefix);
        let width = specific.clone().map(|rule| rule.target.ports().width()).min();
        let denied = specific
            .filter(|rule| Some(rule.target.ports().width()) == width)
            .any(|rule| rule.action == Action::Deny);
        let rules = Rules::from(list.clone());
        prop_assert_eq!(matches!(rules.decide(destination), Verdict::Denied(_)), denied);
    }
}
