//! The compiled form of packages of Python functions, made while nobody waits, so that environments need not compile.
//!
//! ```text
//! a function is deployed, or an environment is made ──▶ there ──▶ mounted beside the code
//!   └── not there: claimed ──▶ its turn comes, and no environment is being made
//!         ──▶ sandbox with the code, whose interpreter compiles it and runs nothing of it ──▶ zip on its output
//!         ──▶ unpacked as any package ──▶ kept with the code it was made of (`code`)
//! ```
//! It is made of the code alone: no variables, no network, no other function. What comes out is believed as little as the
//! code is, and is only ever mounted beside exactly that code. Whatever fails, environments compile for themselves.
//!
//! Refuses: how it is compiled and found (`runtimes/python`), how long it is kept (`code`).

use crate::code::Compiled;
use crate::environment::Host;
use crate::reserve::Recipe;
use crate::runtimes::Launch;
use lambkin_model::{Function, Runtime};
use lambkin_sandbox::{CodeTree, Event, Exit, Program, Sandbox, Spec};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::Semaphore;

/// Less is compiled in a few milliseconds, and not worth a process and a mount.
const WORTH_BYTES: u64 = 4 << 10;
/// Compiled at one time: more would only share the cores, which environments need.
const AT_ONE_TIME: usize = 1;
/// Packages that wait for their turn; others are asked for again with their next environment.
const WAITING_MAX: usize = 64;
/// CPU, in thousandths of a core, as for whatever else is made ahead.
const MILLICORES: u32 = 500;
/// For the compiler, whatever its function has.
const MEMORY_BYTES: u64 = 512 << 20;
/// Of all that is compiled of a package: more than there is time for. The server holds it while it is unpacked.
const BYTES_MAX: u64 = 64 << 20;
/// Beyond it, for names and headers.
const HEADERS_BYTES_MAX: u64 = 16 << 20;
/// From the sandbox's making to the last byte. The compiler ends by itself before, with what it has.
const TIME_MAX: Duration = Duration::from_secs(60);
const COMPILER_TIME_MAX: Duration = Duration::from_secs(45);
/// Between two looks whether environments are being made.
const PAUSE: Duration = Duration::from_millis(50);

/// Who compiles.
pub(crate) struct Compiler {
    turns: Semaphore,
    places: Semaphore,
}

impl Compiler {
    pub(crate) fn new() -> Self {
        Self {
            turns: Semaphore::new(AT_ONE_TIME),
            places: Semaphore::new(WAITING_MAX),
        }
    }
}

/// A function's code with what has been compiled of it, if that is there; else has it made, if it is worth it.
pub(crate) fn beside(
    host: &Arc<Host>,
    function: &Arc<Function>,
    launch: &Launch,
    code: CodeTree,
) -> CodeTree {
    let is_python = matches!(function.settings.runtime, Runtime::Python { .. });
    if !is_python || code.bytes() < WORTH_BYTES {
        return code;
    }
    let sha256 = function.code.sha256;
    match host.trees.compiled(sha256, &launch.version) {
        Compiled::There(compiled) => code.with_compiled(&compiled),
        Compiled::Nothing => code,
        Compiled::Claimed => {
            let (host_of_it, function) = (Arc::clone(host), Arc::clone(function));
            let (launch, of) = (launch.clone(), code.clone());
            host.filler.spawn(async move {
                compile_and_keep(&host_of_it, &function, &launch, of).await;
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

async fn compile_and_keep(host: &Host, function: &Function, launch: &Launch, code: CodeTree) {
    let sha256 = function.code.sha256;
    let Ok(_place) = host.compiler.places.try_acquire() else {
        return host.trees.unclaim(sha256, &launch.version);
    };
    let work = async {
        // The semaphore is never closed.
        let _turn = host.compiler.turns.acquire().await;
        host.reserve.until_nobody_waits(PAUSE).await;
        let compiled = tokio::time::timeout(TIME_MAX, compile(host, function, launch, code));
        compiled.await.unwrap_or_else(|_| {
            let seconds = TIME_MAX.as_secs();
            Err(format!("it was not done in {seconds} seconds"))
        })
    };
    let made = tokio::select! {
        made = work => made,
        () = host.stop.cancelled() => return,
    };
    match made {
        // It is mostly something else than Python's code.
        Ok(compiled) if compiled.bytes() < WORTH_BYTES => {}
        Ok(compiled) => host.trees.keep_compiled(sha256, &launch.version, compiled),
        Err(why) => tracing::warn!(
            function = %function.name, version = %function.version,
            "each of its environments compiles its code for itself: {why}"
        ),
    }
}

async fn compile(
    host: &Host,
    function: &Function,
    launch: &Launch,
    code: CodeTree,
) -> Result<CodeTree, String> {
    if host.short_of(MEMORY_BYTES) > 0 {
        return Err("the machine has no memory for it".to_owned());
    }
    let bytes_max = host.trees.unzipped_bytes_max().min(BYTES_MAX);
    let recipe = Recipe::new(launch, &function.settings);
    let spec = Spec {
        memory_bytes: MEMORY_BYTES,
        ..recipe.spec(Some(code))
    };
    let sandbox = host.spawner.create(&spec).await;
    let sandbox = sandbox.map_err(|error| error.to_string())?;
    let program = Program {
        argv: launch.compiler(bytes_max, COMPILER_TIME_MAX),
        env: launch.env.clone(),
        cwd: "/".to_owned(),
    };
    let package = run(sandbox, &program, bytes_max).await;
    let package = package.map_err(|error| error.to_string())?;
    let compiled = host.trees.unpack(&package).await;
    compiled.map_err(|error| error.to_string())
}

/// All that a program writes, if it ends well.
async fn run(mut sandbox: Sandbox, program: &Program, bytes_max: u64) -> io::Result<Vec<u8>> {
    sandbox.set_cpu_limit(Some(MILLICORES))?;
    let output = sandbox.take_output();
    let mut output = output.ok_or_else(|| io::Error::other("it came without its log"))?;
    // Nobody calls it.
    drop(sandbox.take_listener());
    sandbox.start(program).await.map_err(io::Error::other)?;
    let mut written = Written {
        bytes: Vec::new(),
        bytes_max: usize::try_from(bytes_max + HEADERS_BYTES_MAX).unwrap_or(usize::MAX),
    };
    let mut chunk = vec![0; 64 << 10];
    loop {
        tokio::select! {
            length = output.read(&mut chunk) => written.take(&chunk[..length?])?,
            event = sandbox.event() => {
                if event != Event::Exited(Exit::Code(0)) {
                    return Err(io::Error::other("the compiler failed"));
                }
                written.rest(&output, &mut chunk)?;
                sandbox.destroy().await;
                return Ok(written.bytes);
            }
        }
    }
}

/// Of a program that may be anybody's.
struct Written {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Written {
    fn take(&mut self, chunk: &[u8]) -> io::Result<()> {
        if chunk.len() > self.bytes_max - self.bytes.len() {
            return Err(io::Error::other("the compiler wrote too much"));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// What is in the pipe when nobody writes any more.
    fn rest(&mut self, output: &pipe::Receiver, chunk: &mut [u8]) -> io::Result<()> {
        loop {
            match output.try_read(chunk) {
                Ok(0) => return Ok(()),
                Ok(length) => self.take(&chunk[..length])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_compiler_writes_is_bounded() {
        let mut written = Written {
            bytes: Vec::new(),
            bytes_max: 10,
        };
        written.take(&[0; 6]).unwrap();
        assert!(written.take(&[0; 5]).is_err());
        written.take(&[0; 4]).unwrap();
        assert!(written.take(&[0; 1]).is_err());
        assert_eq!(written.bytes.len(), 10);
    }
}
