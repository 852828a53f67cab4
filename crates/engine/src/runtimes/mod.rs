//! Interpreters of this machine, and how each runtime is launched in a sandbox.
//!
//! Owns: finding interpreters, choosing one for a runtime, the read-only files and the command of its launch.
//! Refuses: to install anything; what is missing is named with the command that installs it.
//!
//! Interpreters are looked for once, at the start, with the starting user's rights. The AWS SDK's trees may be
//! installed later; each launch looks whether they are there.

mod bootstrap;
mod bundle;
mod bytecode;
mod compiling;
mod discovery;
mod exec_wrapper;
mod interpreter;
mod launch;
mod nearest;
mod sdk;

pub(crate) use compiling::Compiling;
use interpreter::{Interpreter, Language};
use lambkin_model::Runtime;
use lambkin_sandbox::Root;
use sha2::{Digest, Sha256};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What the operator sets.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `[[runtimes]]`: AWS's identifier (`python3.12`) and the interpreter's path; these come first.
    pub configured: Vec<(String, PathBuf)>,
    /// Use the nearest installed version when the one asked for is missing.
    pub allow_nearest: bool,
    /// Where bootstraps are written and SDK trees are installed: `<data>/runtimes`.
    pub dir: PathBuf,
    /// Home folders searched for pyenv, uv and nvm.
    pub homes: Vec<PathBuf>,
}

/// Why the runtimes cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file under `dir` cannot be written.
    #[error("cannot write the bootstraps to {}: {why}; check the disk and who owns the data folder", .dir.display())]
    Bootstrap {
        /// Where they are kept.
        dir: PathBuf,
        /// What the system said. No source of this error: the text has it.
        why: io::Error,
    },
    /// A `[[runtimes]]` entry is wrong.
    #[error("[[runtimes]] {name}: {why}")]
    Configured {
        /// The entry's name.
        name: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
}

/// The runtimes of this machine. Cheap to clone.
#[derive(Clone)]
pub struct Runtimes {
    shared: Arc<Shared>,
}

struct Shared {
    interpreters: Vec<Interpreter>,
    allow_nearest: bool,
    files: bootstrap::Files,
    sdks: sdk::Trees,
    homes: Vec<PathBuf>,
}

/// How one runtime starts.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Its read-only files.
    pub root: Root,
    /// Its command.
    pub argv: Vec<String>,
    /// Whether it waits for the environment of a function, whose code is mounted by then, if its input is a pipe.
    pub waits: bool,
    /// Variables beside those that every function gets.
    pub env: Vec<(String, String)>,
    /// For INIT_START, for instance `python:3.11.7`.
    pub version: String,
    /// A line for the log when it is not the version asked for.
    pub nearest_note: Option<String>,
    /// Who compiles its packages beforehand, if that can be done.
    pub compiling: Option<Compiling>,
}

/// A runtime that this machine cannot run.
#[derive(Debug, thiserror::Error)]
#[error(
    "{runtime} is not installed on this machine; install it with: {install} (then start the server again)"
)]
pub struct Unavailable {
    /// AWS's identifier.
    pub runtime: String,
    /// The one command that installs it.
    pub install: String,
}

/// An interpreter that was found.
pub struct Found {
    /// The runtime that it is.
    pub runtime: Runtime,
    /// Full version, for instance `3.11.7`.
    pub version: String,
    /// Where it is installed.
    pub path: PathBuf,
    /// Whether the AWS SDK that functions import without shipping is installed for it.
    pub sdk: bool,
}

impl Runtimes {
    /// Looks for interpreters and writes the bootstraps. Blocking; to be called as the starting user.
    pub fn discover(config: Config) -> Result<Self, Error> {
        let interpreters = discovery::find(&config)?;
        let failed = |why| Error::Bootstrap {
            dir: config.dir.clone(),
            why,
        };
        let files = bootstrap::Files::install(&config.dir).map_err(failed)?;
        bytecode::compile(files.python(), &interpreters);
        let sdks = sdk::Trees::open(&config.dir).map_err(failed)?;
        let (allow_nearest, homes) = (config.allow_nearest, config.homes);
        let shared = Shared {
            interpreters,
            allow_nearest,
            files,
            sdks,
            homes,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// How a runtime starts; `memory_mb` is the function's memory, by which heaps are sized.
    pub fn launch(&self, runtime: Runtime, memory_mb: u32) -> Result<Launch, Unavailable> {
        let Some(language) = Language::of(runtime) else {
            return Ok(launch::provided(runtime, &self.shared.files));
        };
        let interpreter = self.choose(runtime)?;
        let sdk = self.shared.sdks.tree(language);
        let mut launch = match language {
            Language::Python => launch::python(runtime, interpreter, &self.shared.files, sdk),
            Language::Node => {
                launch::node(runtime, interpreter, &self.shared.files, sdk, memory_mb)
            }
        };
        launch.env.push((
            "AWS_EXECUTION_ENV".to_owned(),
            format!("AWS_Lambda_{runtime}"),
        ));
        if interpreter.runtime != runtime {
            launch.nearest_note = Some(format!(
                "{runtime} is not installed on this machine; {} {} runs instead",
                interpreter.runtime, interpreter.version
            ));
        }
        Ok(launch)
    }

    /// What was found, by runtime.
    pub fn list(&self) -> Vec<Found> {
        let shown = |one: &Interpreter| Found {
            runtime: one.runtime,
            version: one.version.clone(),
            path: one.path.clone(),
            sdk: self.shared.sdks.tree(one.language()).is_some(),
        };
        let mut found: Vec<Found> = self.shared.interpreters.iter().map(shown).collect();
        found.sort_by_key(|one| one.runtime);
        found
    }

    /// 64 hexadecimal digits that name what runs a runtime, for the ARN in `RuntimeVersionConfig`.
    pub fn version_hex(&self, runtime: Runtime) -> String {
        let identity = match self.choose(runtime) {
            Ok(one) => format!("{runtime}\n{}\n{}", one.version, one.path.display()),
            Err(_) => runtime.to_string(),
        };
        hex::encode(Sha256::digest(identity))
    }

    fn choose(&self, runtime: Runtime) -> Result<&Interpreter, Unavailable> {
        let all = &self.shared.interpreters;
        let exact = all.iter().find(|one| one.runtime == runtime);
        let nearest = || {
            self.shared
                .allow_nearest
                .then(|| nearest::nearest(runtime, all))
                .flatten()
        };
        exact.or_else(nearest).ok_or_else(|| Unavailable {
            runtime: runtime.to_string(),
            install: discovery::install_command(runtime, &self.shared.homes),
        })
    }
}

#[cfg(test)]
mod tests;
