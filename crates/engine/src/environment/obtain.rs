//! The sandbox of a new environment: one that was made ahead, or a new one.

use super::Host;
use crate::reserve::Recipe;
use lambkin_model::{Function, Start, Version};
use lambkin_sandbox::{CodeTree, Error, Sandbox, Usage};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// With its code, and nothing else of its function's yet.
pub(super) struct Obtained {
    pub(super) sandbox: Sandbox,
    /// How the first invoke gets it.
    pub(super) start: Start,
    /// How long it took to mount what was to be mounted now.
    pub(super) mounts: Duration,
    /// A program waits in it for its environment.
    pub(super) waits: bool,
    /// What it used before it was a function's.
    pub(super) before: Usage,
}

/// One that was made ahead and cannot be had costs the time of a new one, and no more.
pub(super) async fn obtain(
    host: &Host,
    function: &Function,
    recipe: &Arc<Recipe>,
    code: CodeTree,
) -> Result<Obtained, Error> {
    // What is kept follows the function: a version only takes what fits it.
    let name = (function.version == Version::Latest).then_some(&function.name);
    if let Some(ready) = host.reserve.take(name, recipe) {
        let began = Instant::now();
        match ready.adopt(&code).await {
            Ok((sandbox, waits)) => {
                return Ok(Obtained {
                    start: Start::Pooled,
                    mounts: began.elapsed(),
                    waits,
                    before: sandbox.usage().unwrap_or_default(),
                    sandbox,
                });
            }
            Err(error) => tracing::warn!(%error, "cannot use a sandbox that was made ahead"),
        }
    }
    let sandbox = host.spawner.create(&recipe.spec(Some(code))).await?;
    Ok(Obtained {
        start: Start::Cold,
        mounts: sandbox.mounts(),
        sandbox,
        waits: false,
        before: Usage::default(),
    })
}
