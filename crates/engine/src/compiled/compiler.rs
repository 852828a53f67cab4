//! The sandbox that compiles one package, and what it writes.

use super::NotCompiled;
use crate::environment::Output;
use crate::reserve::Recipe;
use crate::runtimes::Compiling;
use lambkin_sandbox::{self as sandbox, CodeTree, Event, Exit, Sandbox, Spec};
use std::time::Duration;

/// CPU, in thousandths of a core, as for whatever else is made ahead.
const MILLICORES: u32 = 500;
/// For the compiler, whatever its function has. It takes less by a limit of its own.
pub(super) const MEMORY_BYTES: u64 = 512 << 20;
/// Of all that is compiled of a package: more than there is time for. The server holds it while it is unpacked.
const BYTES_MAX: u64 = 64 << 20;
/// Beyond it, for names and headers.
const HEADERS_BYTES_MAX: u64 = 16 << 20;
/// After it the compiler leaves the rest.
const TIME_MAX: Duration = Duration::from_secs(45);

/// What it is made of.
pub(super) fn spec(recipe: &Recipe, code: CodeTree) -> Spec<'static> {
    Spec {
        memory_bytes: MEMORY_BYTES,
        ..recipe.spec(Some(code))
    }
}

/// All that is compiled of the sandbox's code: at most what may be unpacked.
pub(super) async fn run(
    mut sandbox: Sandbox,
    compiling: &Compiling,
    unpacked_bytes_max: u64,
) -> Result<Vec<u8>, NotCompiled> {
    let limited = sandbox.set_cpu_limit(Some(MILLICORES));
    limited.map_err(sandbox::Error::from)?;
    let output = sandbox.take_output().ok_or(NotCompiled::Failed)?;
    let output = Output::new(output);
    // Nobody calls it.
    drop(sandbox.take_listener());
    let compiled_bytes_max = unpacked_bytes_max.min(BYTES_MAX);
    let mut written = Written::new(compiled_bytes_max + HEADERS_BYTES_MAX);
    let program = compiling.program(compiled_bytes_max, TIME_MAX);
    sandbox.start(&program).await?;
    let mut is_over = false;
    let event = loop {
        tokio::select! {
            readable = output.readable(), if !is_over => {
                readable.map_err(sandbox::Error::from)?;
                is_over = output.read(|chunk| written.take(chunk)).is_over();
                written.check()?;
            }
            event = sandbox.event() => break event,
        }
    };
    output.drain(|chunk| written.take(chunk));
    check_end(&event)?;
    sandbox.destroy().await;
    written.check()?;
    Ok(written.bytes)
}

/// One that the kernel has killed, for want of memory, has written a part.
fn check_end(event: &Event) -> Result<(), NotCompiled> {
    match event {
        Event::Exited(Exit::Code(0)) => Ok(()),
        _ => Err(NotCompiled::Failed),
    }
}

/// By a program that may be anybody's.
struct Written {
    bytes: Vec<u8>,
    bytes_max: usize,
    is_too_much: bool,
}

impl Written {
    fn new(bytes_max: u64) -> Self {
        Self {
            bytes: Vec::new(),
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            is_too_much: false,
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.is_too_much |= chunk.len() > self.bytes_max - self.bytes.len();
        if !self.is_too_much {
            self.bytes.extend_from_slice(chunk);
        }
    }

    fn check(&self) -> Result<(), NotCompiled> {
        match self.is_too_much {
            true => Err(NotCompiled::TooMuch),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_compiler_that_was_killed_or_failed_nothing_is_kept() {
        assert!(check_end(&Event::Exited(Exit::Code(0))).is_ok());
        for event in [
            Event::Exited(Exit::Signal(9)),
            Event::Exited(Exit::Code(1)),
            Event::Gone,
        ] {
            let end = check_end(&event);
            assert!(matches!(end, Err(NotCompiled::Failed)), "{event:?}");
        }
    }

    #[test]
    fn what_a_compiler_writes_is_bounded() {
        let mut written = Written::new(10);
        written.take(&[0; 6]);
        written.take(&[0; 4]);
        assert!(written.check().is_ok());
        written.take(&[0; 1]);
        assert!(matches!(written.check(), Err(NotCompiled::TooMuch)));
        assert_eq!(written.bytes.len(), 10);
    }
}
