//! What an environment's programs want of the network, and where their function is told of it.
//!
//! One task for each environment. It sleeps until the first request, and ends with the sandbox or by being aborted.

use super::Environment;
use crate::egress::Client;
use std::sync::Arc;

/// Serves an environment until its sandbox is gone.
pub(super) async fn serve(environment: Arc<Environment>) {
    let client = Client {
        sandbox: &environment.sandbox,
        uplink: &environment.uplink,
        function: &environment.generation.function().name,
        note: |line: &str| environment.note(line),
    };
    client.serve().await;
}
