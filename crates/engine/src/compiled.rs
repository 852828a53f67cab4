//! The compiled form of packages of Python and Node.js functions, made while nobody waits, so that environments need
//! not compile.
//!
//! ```text
//! a function is deployed, or an environment is made ──▶ there ──▶ mounted beside the code
//!   └── not there: claimed ──▶ a second later, in its turn, and when no environment is being made or that takes long
//!         ──▶ sandbox with the code, whose interpreter compiles it and runs nothing of it (`compiler`) ──▶ zip
//!         ──▶ unpacked as any package ──▶ kept with the code it was made of (`code`)
//! ```
//! It is made of the code alone: no variables, no network, no other function. What comes out is believed as little as the
//! code is, and is only ever mounted beside exactly that code. Whatever fails, environments compile for themselves.
//! Who waits for its turn keeps no code, and is at most one for each code and target.
//!
//! Refuses: whose turn it is (`turns`), how it is compiled and found (`runtimes/python`, `runtimes/nodejs`), how long it
//! is kept (`code`).

mod compiler;
mod turns;

pub(crate) use turns::Compiler;

use crate::code::{self, Compiled};
use crate::environment::Host;
use crate::reserve::Recipe;
use crate::runtimes::{Compiling, Launch};
use lambkin_model::Function;
use lambkin_sandbox::CodeTree;
use std::sync::Arc;
use std::time::{Duration, Instant};
use turns::TIME_MAX;

/// Between two looks whether environments are being made.
const PAUSE: Duration = Duration::from_millis(50);
/// Until it is tried again after what may have been the machine's fault.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// The same where it took too long, or did not fit: all that work is lost each time.
const AGAIN_AFTER_ALL_WORK: Duration = Duration::from_secs(3_600);

/// Why a package is not compiled.
#[derive(Debug, thiserror::Error)]
enum NotCompiled {
    #[error("too many others wait")]
    NoPlace,
    #[error("no function has this code any more")]
    Unwanted,
    #[error("the machine has no memory for it")]
    NoMemory,
    #[error("it has no sandbox: {0}")]
    NoSandbox(#[from] lambkin_sandbox::Error),
    #[error("it was not done in {} seconds", TIME_MAX.as_secs())]
    TooSlow,
    #[error("a defect of Lambkin's ended it")]
    Panicked,
    #[error("the compiler failed")]
    Failed,
    #[error("the compiler wrote too much")]
    TooMuch,
    #[error(transparent)]
    NotUnpacked(#[from] code::Error),
    #[error("there is next to nothing to compile")]
    NotWorth,
    #[error("the code cache has no room for it")]
    NoRoom,
}

impl NotCompiled {
    /// How long it is not tried again; for good if there is no such time.
    fn again_after(&self) -> Option<Duration> {
        match self {
            Self::NoPlace | Self::Unwanted => Some(Duration::ZERO),
            Self::NoMemory
            | Self::NoSandbox(_)
            | Self::Panicked
            | Self::NotUnpacked(code::Error::Unavailable(_)) => Some(AGAIN_AFTER),
            Self::TooSlow | Self::NoRoom => Some(AGAIN_AFTER_ALL_WORK),
            Self::Failed
            | Self::TooMuch
            | Self::NotUnpacked(code::Error::Rejected(_))
            | Self::NotWorth => None,
        }
    }

    /// Whether its functions start slower than they might, and nobody knows why.
    fn is_worth_a_line(&self) -> bool {
        !matches!(self, Self::NoPlace | Self::Unwanted | Self::NotWorth)
    }
}

/// A function's code with what has been compiled of it, if that is there; else has it made, if it is worth it.
pub(crate) fn beside(
    host: &Arc<Host>,
    function: &Arc<Function>,
    launch: &Launch,
    code: CodeTree,
) -> CodeTree {
    let Some(compiling) = launch.compiling.as_ref() else {
        return code;
    };
    if code.bytes() < compiling.worth_bytes {
        return code;
    }
    let sha256 = function.code.sha256;
    match host.trees.compiled(sha256, &compiling.target) {
        Compiled::There(compiled) => code.with_compiled(&compiled),
        Compiled::Nothing => code,
        Compiled::Claimed => {
            let claim = Claim {
                function: format!("{}:{}", function.name, function.version),
                sha256,
                recipe: Recipe::new(launch, &function.settings),
                compiling: compiling.clone(),
            };
            let host_of_it = Arc::clone(host);
            host.filler.spawn(async move {
                let work = claim.fulfil(&host_of_it);
                host_of_it.stop.run_until_cancelled(work).await;
            });
            code
        }
    }
}

/// Has a function's code compiled that has just been deployed.
pub(crate) fn foresee(host: &Arc<Host>, function: &Arc<Function>) {
    let settings = &function.settings;
    let launch = host.runtimes.launch(settings.runtime, settings.memory_mb);
    if let (Ok(launch), Some(code)) = (launch, host.trees.present(function.code.sha256)) {
        beside(host, function, &launch, code);
    }
}

/// What is to be compiled.
struct Claim {
    /// The first of those that have this code, for the log.
    function: String,
    sha256: [u8; 32],
    recipe: Recipe,
    compiling: Compiling,
}

impl Claim {
    async fn fulfil(&self, host: &Host) {
        let Err(why) = self.try_to_fulfil(host).await else {
            return;
        };
        let again = why.again_after().map(|after| Instant::now() + after);
        let trees = &host.trees;
        trees.unclaim(self.sha256, &self.compiling.target, again);
        if why.is_worth_a_line() {
            let function = &self.function;
            tracing::warn!(
                function,
                "each of its environments compiles its code for itself: {why}"
            );
        }
    }

    async fn try_to_fulfil(&self, host: &Host) -> Result<(), NotCompiled> {
        let is_wanted = || self.code(host).is_some();
        let nobody_waits = host.reserve.until_nobody_waits(PAUSE);
        let work = async { self.keep(host, self.compile(host).await?) };
        host.compiler.in_turn(is_wanted, nobody_waits, work).await
    }

    fn keep(&self, host: &Host, compiled: CodeTree) -> Result<(), NotCompiled> {
        // It is mostly something else than code of the runtime's language.
        if compiled.bytes() < self.compiling.worth_bytes {
            return Err(NotCompiled::NotWorth);
        }
        let (trees, target) = (&host.trees, &self.compiling.target);
        match trees.keep_compiled(self.sha256, target, compiled) {
            true => Ok(()),
            false => Err(NotCompiled::NoRoom),
        }
    }

    fn code(&self, host: &Host) -> Option<CodeTree> {
        host.trees.claimed(self.sha256, &self.compiling.target)
    }

    async fn compile(&self, host: &Host) -> Result<CodeTree, NotCompiled> {
        let code = self.code(host).ok_or(NotCompiled::Unwanted)?;
        if !host.has_room_for(compiler::MEMORY_BYTES) {
            return Err(NotCompiled::NoMemory);
        }
        let spec = compiler::spec(&self.recipe, code);
        let sandbox = host.spawner.create(&spec).await?;
        let bytes_max = host.trees.unzipped_bytes_max();
        let package = compiler::run(sandbox, &self.compiling, bytes_max).await?;
        Ok(host.trees.unpack(&package).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambkin_sandbox::Rejection;

    #[test]
    fn what_may_be_the_machines_fault_is_tried_again_later_and_the_packages_own_never() {
        let unavailable = code::Error::Unavailable("no room".to_owned());
        for why in [
            NotCompiled::NoMemory,
            NotCompiled::NoSandbox(lambkin_sandbox::Error::SpawnerGone),
            NotCompiled::Panicked,
            NotCompiled::NotUnpacked(unavailable),
        ] {
            assert_eq!(why.again_after(), Some(AGAIN_AFTER), "{why}");
        }
        for why in [NotCompiled::TooSlow, NotCompiled::NoRoom] {
            assert_eq!(why.again_after(), Some(AGAIN_AFTER_ALL_WORK), "{why}");
        }
        for why in [
            NotCompiled::Failed,
            NotCompiled::TooMuch,
            NotCompiled::NotUnpacked(code::Error::Rejected(Rejection::BadPath)),
            NotCompiled::NotWorth,
        ] {
            assert_eq!(why.again_after(), None, "{why}");
        }
        for why in [NotCompiled::NoPlace, NotCompiled::Unwanted] {
            assert_eq!(why.again_after(), Some(Duration::ZERO), "{why}");
        }
    }
}
