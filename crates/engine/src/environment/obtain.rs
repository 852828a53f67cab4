//! The sandbox of a new environment: one that was made ahead, or a new one.

use super::Host;
use super::variables::of_clone;
use crate::pool::Generation;
use crate::reserve::Recipe;
use crate::templates::{Lineage, Template, Templates, Unfit};
use lambkin_model::{Function, Start, Version};
use lambkin_sandbox::{CodeTree, Error, Program, Sandbox, Spec, Usage};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// With its code.
pub(super) struct Obtained {
    pub(super) sandbox: Sandbox,
    /// How the first invoke gets it.
    pub(super) start: Start,
    /// How long it took to mount what was to be mounted now.
    pub(super) mounts: Duration,
    pub(super) program: Presence,
    /// What it used before it was a function's.
    pub(super) before: Usage,
    /// Of a clone.
    pub(super) lineage: Option<Arc<Lineage>>,
}

/// How an environment may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// The quickest that there is.
    Any,
    /// By no clone: one has just failed.
    Plain,
}

/// Whether a program is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is to be started.
    None,
    /// It runs.
    Runs,
    /// It runs, and is a clone. No other can be started in its place.
    Clone,
}

/// One that was made ahead and cannot be had costs the time of a new one, and no more.
pub(super) async fn obtain(
    host: &Arc<Host>,
    generation: &Generation,
    recipe: &Arc<Recipe>,
    code: CodeTree,
    program: &Program,
    means: Means,
) -> Result<Obtained, Error> {
    let function = generation.function();
    let is_current = || !generation.is_retired();
    if means == Means::Any
        && let Some(template) = Templates::of(host, function, is_current)
    {
        match clone(host, function, &template, recipe, code.clone(), program).await {
            Ok(obtained) => return Ok(obtained),
            Err(error) => tracing::warn!(%error, "cannot clone an environment"),
        }
    }
    // What is kept follows the function: a version only takes what fits it.
    let name = (function.version == Version::Latest).then_some(&function.name);
    if let Some(ready) = host.reserve.take(name, recipe) {
        let began = Instant::now();
        match ready.adopt(&code, program).await {
            Ok((sandbox, before)) => {
                return Ok(Obtained {
                    start: Start::Pooled,
                    mounts: began.elapsed(),
                    program: Presence::Runs,
                    before,
                    lineage: None,
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
        program: Presence::None,
        before: Usage::default(),
        lineage: None,
    })
}

/// A fresh sandbox with a fork of the template, which runs when this returns.
async fn clone(
    host: &Host,
    function: &Arc<Function>,
    template: &Template,
    recipe: &Recipe,
    code: CodeTree,
    program: &Program,
) -> Result<Obtained, Error> {
    let spec = Spec {
        lineage: lambkin_sandbox::Lineage::CloneOf(template.sandbox()),
        ..recipe.spec(Some(code))
    };
    let cloned = async {
        let sandbox = host.spawner.create(&spec).await?;
        let input = input(&of_clone(program.env.clone()));
        template.sandbox().clone_into(&sandbox, input).await?;
        Ok::<_, Error>(sandbox)
    };
    let sandbox = cloned.await.inspect_err(|_| {
        Templates::failed(host, function, template.lineage(), Unfit::ForNow);
    })?;
    Ok(Obtained {
        start: Start::Cloned,
        mounts: sandbox.mounts(),
        sandbox,
        program: Presence::Clone,
        before: Usage::default(),
        lineage: Some(Arc::clone(template.lineage())),
    })
}

/// An environment as programs that wait for it read it.
pub(crate) fn input(variables: &[(String, String)]) -> Vec<u8> {
    let pairs = variables.iter();
    let text = pairs.flat_map(|(name, value)| [name, "=", value, "\0"]);
    text.flat_map(str::bytes).collect()
}
