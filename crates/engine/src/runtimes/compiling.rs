//! How an interpreter compiles a package beforehand: started as the one that runs the function, which takes nothing else.

use super::launch::OWN_LIBRARIES;
use lambkin_sandbox::Program;
use std::time::Duration;

/// The program that compiles what is in /var/task. It looks for nothing there, neither for libraries nor for modules.
#[derive(Clone, Debug)]
pub struct Compiling {
    /// The interpreter with all that decides what it can take, and the script.
    pub(super) argv: Vec<String>,
    /// Names what its work is good for: a version, and what else must be the same.
    pub(crate) target: String,
    /// Of less code, and of less that comes out, environments have no use.
    pub(crate) worth_bytes: u64,
}

impl Compiling {
    /// Writes at most so many bytes, and for so long.
    pub(crate) fn program(&self, bytes_max: u64, time_max: Duration) -> Program {
        let mut argv = self.argv.clone();
        argv.extend([bytes_max.to_string(), time_max.as_secs().to_string()]);
        Program {
            argv,
            env: vec![("LD_LIBRARY_PATH".to_owned(), OWN_LIBRARIES.to_owned())],
            cwd: "/".to_owned(),
        }
    }
}
