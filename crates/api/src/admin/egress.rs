//! The network rules of a function: shown, and changed.

use super::function;
use crate::error::Error;
use crate::lambda::{Context, isolation};
use crate::response::{self, Body};
use bytes::Bytes;
use http::{Response, StatusCode};
use lambkin_engine::functions::EgressEdit;
use lambkin_model::FunctionName;
use lambkin_model::egress::{Action, Forbidden, Rules, Target, Targets};
use lambkin_wire::admin::{self, Egress, EgressClosed, EgressRule, EgressVerb};

/// Rules of one request: more fit no function.
const RULES_MAX: usize = Rules::MAX;
/// Bytes of a request: so many rules of the longest form, twice over.
const BYTES_MAX: usize = 16 * 1024;

pub(super) fn show(context: &Context<'_>, function: &str) -> Result<Response<Body>, Error> {
    let name = function::named(context, function)?;
    let rules = context.engine.functions().egress(&name);
    let rules = rules.ok_or_else(|| function::not_found(context, name.as_str()))?;
    response::json(StatusCode::OK, &shown(context, &name, &rules))
}

pub(super) async fn edit(
    context: &Context<'_>,
    function: &str,
    body: &Bytes,
) -> Result<Response<Body>, Error> {
    let name = function::named(context, function)?;
    let edit = read(body)?;
    let edited = context.engine.functions().edit_egress(&name, edit).await;
    let rules = edited.map_err(|error| Error::Function {
        arn: context.engine.scope().function_arn(name.as_str()),
        error,
    })?;
    response::json(StatusCode::OK, &shown(context, &name, &rules))
}

fn read(body: &Bytes) -> Result<EgressEdit, Error> {
    let refused = |text: String| Error::Parameter(text.into());
    if body.len() > BYTES_MAX {
        return Err(refused(format!(
            "A change of network rules has at most {BYTES_MAX} bytes."
        )));
    }
    let edit: admin::EgressEdit = serde_json::from_slice(body).map_err(|error| {
        refused(format!(
            "The change of network rules is not understood: {error}."
        ))
    })?;
    if edit.rules.len() > RULES_MAX {
        return Err(refused(format!("A change has at most {RULES_MAX} rules.")));
    }
    let is_reset = edit.edit == EgressVerb::Reset;
    if edit.rules.is_empty() != is_reset {
        return Err(refused(match is_reset {
            true => "A reset removes all rules and names none.".to_owned(),
            false => "The change names no rule.".to_owned(),
        }));
    }
    let targets = targets(&edit.rules)?;
    Ok(match edit.edit {
        EgressVerb::Allow => EgressEdit::Add(Action::Allow, targets),
        EgressVerb::Deny => EgressEdit::Add(Action::Deny, targets),
        EgressVerb::Remove => EgressEdit::Remove(targets),
        EgressVerb::Reset => EgressEdit::Reset,
    })
}

fn targets(rules: &[String]) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    for rule in rules {
        let read: Result<Targets, _> = rule.parse();
        targets.extend(
            read.map_err(|error| Error::Parameter(error.to_string().into()))?
                .0,
        );
    }
    Ok(targets)
}

fn shown(context: &Context<'_>, name: &FunctionName, rules: &Rules) -> Egress {
    let rule = |rule: &lambkin_model::egress::Rule| EgressRule {
        action: rule.action.as_str().to_owned(),
        target: rule.target.to_string(),
    };
    Egress {
        function: name.to_string(),
        network: isolation::network(context.engine.isolation()).to_owned(),
        rules: rules.as_slice().iter().map(rule).collect(),
        closed: closed(),
    }
}

/// All hard denials, in the order in which they are looked at.
fn closed() -> Vec<EgressClosed> {
    let networks = Forbidden::all().map(|why| EgressClosed {
        what: why.to_string(),
        targets: why
            .networks()
            .iter()
            .map(|network| Target::whole(*network).to_string())
            .collect(),
    });
    let others = ["addresses of this machine", "port 25"].map(|what| EgressClosed {
        what: what.to_owned(),
        targets: Vec::new(),
    });
    networks.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<EgressEdit, String> {
        read(&Bytes::copy_from_slice(text.as_bytes())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_change_names_its_rules_and_a_reset_none() {
        let deny = read_text(r#"{"edit":"deny","rules":["all","10.0.0.0/8:443"]}"#).unwrap();
        assert!(matches!(deny, EgressEdit::Add(Action::Deny, targets) if targets.len() == 3));
        assert_eq!(read_text(r#"{"edit":"reset"}"#), Ok(EgressEdit::Reset));
        for (wrong, say) in [
            (r#"{"edit":"allow"}"#, "names no rule"),
            (r#"{"edit":"reset","rules":["all"]}"#, "names none"),
            (r#"{"edit":"forbid","rules":["all"]}"#, "not understood"),
            (
                r#"{"edit":"deny","rules":["all"],"udp":true}"#,
                "unknown field `udp`",
            ),
            (
                r#"{"edit":"deny","rules":["example.com"]}"#,
                "host names cannot be rules",
            ),
            ("[]", "not understood"),
            (
                &format!(
                    r#"{{"edit":"deny","rules":[{}"::/0"]}}"#,
                    r#""::/0","#.repeat(64)
                ),
                "at most 64",
            ),
            (&" ".repeat(BYTES_MAX + 1), "at most 16384 bytes"),
        ] {
            let said = read_text(wrong).unwrap_err();
            assert!(said.contains(say), "{wrong}: {said}");
        }
    }

    #[test]
    fn every_hard_denial_is_named() {
        let closed = closed();
        let networks: Vec<&str> = closed
            .iter()
            .flat_map(|one| &one.targets)
            .map(String::as_str)
            .collect();
        for network in [
            "127.0.0.0/8",
            "169.254.0.0/16",
            "fe80::/10",
            "100.100.100.200",
        ] {
            assert!(networks.contains(&network), "{network}");
        }
        assert_eq!(closed.last().unwrap().what, "port 25");
    }
}
