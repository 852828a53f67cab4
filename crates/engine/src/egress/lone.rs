//! The way out of a sandbox that is no environment: the very same, for whoever puts it on trial.

use super::{Client, Config, Gateway, Uplink};
use crate::StartError;
use crate::present_rules::FunctionRules;
use lambkin_model::FunctionName;
use lambkin_model::egress::Rules;
use lambkin_sandbox::Sandbox;
use std::sync::Arc;

/// Serves sandboxes one after the other, by rules that stay.
pub struct Lone {
    uplink: Arc<Uplink>,
    function: FunctionName,
}

impl Lone {
    /// Works in the network name space of the thread that calls it, and must be served there.
    ///
    /// # Errors
    /// Fails where an engine would not start.
    pub fn open(config: Config, function: FunctionName, rules: Rules) -> Result<Self, StartError> {
        let gateway = Arc::new(Gateway::open(config)?);
        let rules = Arc::new(FunctionRules::new(rules));
        Ok(Self {
            uplink: Arc::new(Uplink::new(gateway, &function, rules, None)),
            function,
        })
    }

    /// Answers what a sandbox's programs want of the network until it is gone. What a function's log would say is
    /// told to nobody.
    pub async fn serve(&self, sandbox: &Sandbox) {
        let client = Client {
            sandbox,
            uplink: &self.uplink,
            function: &self.function,
            note: |_: &str| {},
        };
        client.serve().await;
    }
}
