//! serverless-offline with the same Node.js handler.

use std::process::Command;
use std::time::Duration;

use super::install::Folders;
use super::running::{Running, free_address};
use super::{Interpreters, Serving};
use crate::bench::packages;

const READY: Duration = Duration::from_secs(60);
const SERVICE: &str = "service: hello\nframeworkVersion: '3'\n\
    provider: {name: aws, runtime: nodejs20.x, stage: dev, region: us-east-1}\n\
    plugins: [serverless-offline]\n\
    functions: {hello: {handler: index.handler, timeout: 60, memorySize: 1769}}\n";

/// Below the folder of its packages, where its plugins are looked for.
pub(super) fn start(interpreters: &Interpreters, folders: &Folders) -> anyhow::Result<Serving> {
    let home = folders.root.join("offline");
    let project = home.join("project");
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("serverless.yml"), SERVICE)?;
    std::fs::write(project.join("index.js"), packages::NODE)?;
    std::fs::write(project.join("package.json"), "{\"private\": true}\n")?;
    let address = free_address()?;
    let mut command = Command::new(&interpreters.node);
    command
        .current_dir(&project)
        .arg(home.join("node_modules/serverless/bin/serverless.js"))
        .args(["offline", "start", "--host", &address.ip().to_string()])
        .args(["--lambdaPort", &address.port().to_string()])
        .args(["--httpPort", &free_address()?.port().to_string()])
        // It speaks to nobody but the bench.
        .env("SLS_TELEMETRY_DISABLED", "1")
        .env("SLS_TRACKING_DISABLED", "1")
        .env("SLS_NOTIFICATIONS_MODE", "off")
        .env("AWS_ACCESS_KEY_ID", "none")
        .env("AWS_SECRET_ACCESS_KEY", "none")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let mut running = Running::start(&mut command, &project.join("log"))?;
    running.wait_listening(address, READY)?;
    Ok(Serving {
        name: "offline-nodejs",
        path: "/2015-03-31/functions/hello-dev-hello/invocations".to_owned(),
        address,
        _running: running,
    })
}
