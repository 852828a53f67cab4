//! One sandbox that was made ahead.

use super::Recipe;
use crate::environment;
use lambkin_sandbox::{CodeTree, Error, Input, Program, Sandbox, Spawner, Usage};
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
    waits: Waits,
}

/// What waits in it.
#[derive(Clone, Copy)]
enum Waits {
    /// An interpreter, for its environment.
    Interpreter,
    /// A process, for the program that it becomes.
    Process,
}

impl Ready {
    pub(super) async fn make(spawner: &Spawner, recipe: &Arc<Recipe>) -> Result<Self, Error> {
        let sandbox = spawner.create(&recipe.spec(None)).await?;
        // Whoever owns its environment sets another limit.
        sandbox.set_cpu_limit(Some(MILLICORES))?;
        let waits = match recipe.program() {
            Some(program) => {
                sandbox.start_waiting(program).await?;
                until_it_waits(&sandbox).await;
                Waits::Interpreter
            }
            None => {
                sandbox.await_program().await?;
                Waits::Process
            }
        };
        Self { sandbox, waits }.if_sound()
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

    /// Makes it the sandbox of one function, whose program runs when this returns. Also tells what it used before. Its CPU
    /// is still that of what waits, which is less than INIT has only after some 50 ms.
    pub(crate) async fn adopt(
        self,
        code: &CodeTree,
        program: &Program,
    ) -> Result<(Sandbox, Usage), Error> {
        let Self { sandbox, waits } = self.if_sound()?;
        let input = match waits {
            Waits::Interpreter => Input::Bytes(environment::input(&program.env)),
            Waits::Process => Input::Program(program),
        };
        let before = sandbox.usage().unwrap_or_default();
        sandbox.mount_code(code, input).await?;
        Ok((sandbox, before))
    }
}

/// The bootstraps connect to the Runtime API when they have loaded what they load.
async fn until_it_waits(sandbox: &Sandbox) {
    let until = Instant::now() + LOADING_MAX;
    while sandbox.is_quiet() && !sandbox.has_caller() && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
}
