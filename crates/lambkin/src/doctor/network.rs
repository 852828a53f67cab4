//! The way out of the sandbox on trial: the server's own, with the rules and the resolver of the trial's world.

use std::path::Path;

use anyhow::Context;
use lambkin_engine::egress::{Config, Lone};
use lambkin_model::FunctionName;
use lambkin_model::egress::{Action, Rules, Target};
use lambkin_sandbox::{Ground, Sandbox};

/// Nobody's, and so in no server.
const FUNCTION: &str = "self-test";

/// Needs a runtime, on the thread that entered the ground.
pub(super) fn way_out(ground: &Ground, folder: &Path) -> anyhow::Result<Lone> {
    let resolv_conf = folder.join("resolv.conf");
    std::fs::write(&resolv_conf, format!("nameserver {}\n", ground.resolver()))
        .context("cannot name a resolver to the trial")?;
    let denied: Target = ground.denied().to_string().parse()?;
    let rules = Rules::default().with(Action::Deny, &[denied])?;
    let config = Config {
        api: None,
        resolv_conf,
    };
    Ok(Lone::open(config, FunctionName::new(FUNCTION)?, rules)?)
}

/// Where there is no ground, nothing may leave the machine.
pub(super) async fn refuse_all(sandbox: &Sandbox) {
    while let Some(request) = sandbox.network_request().await {
        if sandbox.refuse(request).await.is_err() {
            return;
        }
    }
}
