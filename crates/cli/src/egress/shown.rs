//! Rules for people: what is weighed, in its order, from what no rule opens to what none covers.

use lambkin_wire::admin::Egress;

use crate::table::{self, Align};

pub(super) fn shown(found: &Egress) -> String {
    let mut rules = table::new(&[("ACTION", Align::Left), ("DESTINATION", Align::Left)]);
    for rule in &found.rules {
        rules.add_row([rule.action.as_str(), rule.target.as_str()]);
    }
    let rest = match found.rules.is_empty() {
        true => "everything",
        false => "everything else",
    };
    rules.add_row(["allow", rest]);
    let mut closed = table::new(&[("CLOSED", Align::Left), ("DESTINATIONS", Align::Left)]);
    for one in &found.closed {
        closed.add_row([one.what.as_str(), &one.targets.join(" ")]);
    }
    let closed = closed.trim_fmt();
    let network = match found.network.as_str() {
        "None" => {
            "\n\nThis machine has no way out for functions, whatever their rules: `lambkin doctor` says why"
        }
        _ => "",
    };
    format!(
        "{}: the first rule that covers a destination decides\n\n{}\n\nClosed to every function, whatever its rules:\n\n{closed}{network}",
        found.function,
        rules.trim_fmt(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_wire::admin::{EgressClosed, EgressRule};

    #[test]
    fn the_default_stands_last_and_what_is_closed_has_its_networks() {
        let rule = |action: &str, target: &str| EgressRule {
            action: action.into(),
            target: target.into(),
        };
        let found = Egress {
            function: "f".into(),
            network: "Notification".into(),
            rules: vec![
                rule("allow", "203.0.113.7:443"),
                rule("deny", "203.0.113.0/24"),
            ],
            closed: vec![EgressClosed {
                what: "multicast".into(),
                targets: vec!["224.0.0.0/4".into(), "ff00::/8".into()],
            }],
        };
        let text = shown(&found);
        let without = Egress {
            network: "None".into(),
            ..found
        };
        assert!(shown(&without).ends_with("`lambkin doctor` says why"));
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "f: the first rule that covers a destination decides",
                "",
                "ACTION  DESTINATION",
                "allow   203.0.113.7:443",
                "deny    203.0.113.0/24",
                "allow   everything else",
                "",
                "Closed to every function, whatever its rules:",
                "",
                "CLOSED     DESTINATIONS",
                "multicast  224.0.0.0/4 ff00::/8",
            ]
        );
    }
}
