//! One sandbox that was made ahead.

use super::Recipe;
use lambkin_sandbox::{CodeTree, Error, Sandbox, Spawner};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// CPU for a program that starts ahead, in thousandths of a core: it is in no hurry, and others are.
const MILLICORES: u32 = 500;

/// Between two looks whether a program waits.
const LOOK: Duration = Duration::from_millis(5);
/// A program that takes longer is on a machine that has other things to do, and waits for it as well.
const LOADING_MAX: Duration = Duration::from_secs(2);

/// Has run nothing of any function.
pub(crate) struct Ready {
    sandbox: Sandbox,
    /// Whether a program waits in it.
    waits: bool,
}

impl Ready {
    pub(super) async fn make(spawner: &Spawner, recipe: &Arc<Recipe>) -> Result<Self, Error> {
        let sandbox = spawner.create(&recipe.spec(None)).await?;
        // Whoever adopts it sets another limit.
        sandbox.set_cpu_limit(Some(MILLICORES))?;
        if let Some(program) = recipe.program() {
            sandbox.start_waiting(program).await?;
            until_it_waits(&sandbox).await;
        }
        Self {
            sandbox,
            waits: recipe.program().is_some(),
        }
        .if_sound()
    }

    /// One whose program has ended is of no use, and whoever made it had better wait before the next.
    fn if_sound(self) -> Result<Self, Error> {
        match self.is_sound() {
            true => Ok(self),
            false => Err(Error::Io(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Whether it is as it was made: a program that could not start, or that the kernel killed, waits for nothing.
    pub(super) fn is_sound(&self) -> bool {
        self.sandbox.is_quiet()
    }

    /// Memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.sandbox
            .usage()
            .map_or(0, |usage| usage.memory_peak_bytes)
    }

    /// Holds no more descriptors than it needs to wait.
    pub(super) fn rest(&self) {
        self.sandbox.rest();
    }

    pub(super) async fn destroy(self) {
        self.sandbox.destroy().await;
    }

    /// Makes it the sandbox of one function; also tells whether a program waits in it.
    pub(crate) async fn adopt(self, code: &CodeTree) -> Result<(Sandbox, bool), Error> {
        self.sandbox.mount_code(code).await?;
        let Self { sandbox, waits } = self.if_sound()?;
        Ok((sandbox, waits))
    }
}

/// The bootstraps connect to the Runtime API when they have loaded what they load.
async fn until_it_waits(sandbox: &Sandbox) {
    let until = Instant::now() + LOADING_MAX;
    while sandbox.is_quiet() && !sandbox.has_caller() && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
}
