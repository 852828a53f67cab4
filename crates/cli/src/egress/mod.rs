//! `lambkin egress NAME`: what a function's programs may reach. Rules are read by the server alone, so that
//! there is one grammar.

mod shown;

use std::io::Write;
use std::process::ExitCode;

use lambkin_wire::admin::{Egress as Found, EgressEdit, EgressVerb};

use crate::globals::Globals;

/// What `egress --help` says below the commands.
const HELP: &str = "Rules are addresses and networks, with ports if need be:
  203.0.113.7   10.0.0.0/8   10.0.0.0/8:443   2001:db8::/32   [2001:db8::/32]:8000-8100
  all           every address
  private       10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7

The most specific network decides, then the narrower ports, then deny; what no rule covers is allowed. A
change is in force at once for new connections of running environments; connections that are open stay.";

/// The command's arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, disable_help_subcommand = true)]
pub struct Egress {
    /// Function: its name, or ARN
    name: String,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What to do with the rules.
#[derive(Clone, Debug, clap::Subcommand)]
enum Verb {
    /// Show the rules in the order in which they are weighed [default]
    Show,
    /// Allow destinations; a rule that denies the same one is replaced
    Allow(Rules),
    /// Deny destinations; a rule that allows the same one is replaced
    Deny(Rules),
    /// Remove rules
    Remove(Rules),
    /// Remove all rules
    Reset,
}

#[derive(Clone, Debug, clap::Args)]
struct Rules {
    /// Addresses or networks, with ports if need be
    #[arg(required = true, value_name = "RULE")]
    rules: Vec<String>,
}

impl Egress {
    pub(crate) async fn run(self, globals: &Globals) -> anyhow::Result<ExitCode> {
        let client = globals.client()?;
        let found: Found = match self.verb.and_then(edit) {
            None => client.egress(&self.name).await?,
            Some(edit) => client.edit_egress(&self.name, &edit).await?,
        };
        let text = match globals.json() {
            true => serde_json::to_string(&found)?,
            false => shown::shown(&found),
        };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The change that a verb asks for; none to show.
fn edit(verb: Verb) -> Option<EgressEdit> {
    let (edit, rules) = match verb {
        Verb::Show => return None,
        Verb::Allow(rules) => (EgressVerb::Allow, rules.rules),
        Verb::Deny(rules) => (EgressVerb::Deny, rules.rules),
        Verb::Remove(rules) => (EgressVerb::Remove, rules.rules),
        Verb::Reset => (EgressVerb::Reset, Vec::new()),
    };
    Some(EgressEdit { edit, rules })
}
