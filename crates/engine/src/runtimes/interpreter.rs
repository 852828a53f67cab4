//! One interpreter: what it is, how it is laid out, and how it is asked for its version.

use lambkin_model::Runtime;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// An interpreter tells its version within milliseconds; one that hangs must not hang the start.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);
const VERSION_PAUSE: Duration = Duration::from_millis(1);
const VERSION_BYTES_MAX: u64 = 256;

/// A language whose functions run on an interpreter of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    Node,
}

impl Language {
    /// `None` for runtimes that bring their own program.
    pub(super) fn of(runtime: Runtime) -> Option<Self> {
        match runtime {
            Runtime::Python { .. } => Some(Self::Python),
            Runtime::Node { .. } => Some(Self::Node),
            Runtime::ProvidedAl2 | Runtime::ProvidedAl2023 => None,
        }
    }
}

/// An interpreter on this machine.
#[derive(Clone, Debug)]
pub(super) struct Interpreter {
    pub(super) runtime: Runtime,
    /// For instance `3.11.7`.
    pub(super) version: String,
    /// The program itself, no shim and no link.
    pub(super) path: PathBuf,
    /// Whether it is a Python with a `site-packages`. Looked at here, since the server that launches it may have
    /// no right to.
    pub(super) has_site_packages: bool,
}

impl Interpreter {
    /// Takes a program that says to be Python or Node.js of a supported version.
    pub(super) fn examine(path: &Path) -> Option<Self> {
        let path = path.canonicalize().ok()?;
        let answer = ask_version(&path)?;
        let (runtime, version) = parse_version(answer.trim())?;
        let mut one = Self {
            runtime,
            version,
            path,
            has_site_packages: false,
        };
        one.has_site_packages = one.library().join("site-packages").is_dir();
        Some(one)
    }

    pub(super) fn language(&self) -> Language {
        match self.runtime {
            Runtime::Node { .. } => Language::Node,
            _ => Language::Python,
        }
    }

    /// The folder that holds `bin` and `lib`.
    pub(super) fn prefix(&self) -> &Path {
        self.path
            .parent()
            .and_then(Path::parent)
            .unwrap_or(Path::new("/"))
    }

    /// `python3.11` of Python 3.11.7: the names of its program and of its folder in `lib`.
    pub(super) fn name(&self) -> String {
        let minor: Vec<&str> = self.version.split('.').take(2).collect();
        format!("python{}", minor.join("."))
    }

    /// The folder of its standard library, if it is a Python.
    pub(super) fn library(&self) -> PathBuf {
        self.prefix().join("lib").join(self.name())
    }

    /// Whether it lives among the machine's own files, so that its prefix cannot be taken whole.
    pub(super) fn is_of_the_system(&self) -> bool {
        [Path::new("/usr"), Path::new("/usr/local")].contains(&self.prefix())
    }
}

/// `Python 3.11.7` or `v20.1.0`.
fn parse_version(answer: &str) -> Option<(Runtime, String)> {
    let (name, version) = match answer.strip_prefix("Python ") {
        Some(version) => {
            let minor = version.strip_prefix("3.")?.split('.').next()?;
            (format!("python3.{}", digits(minor)), version)
        }
        None => {
            let version = answer.strip_prefix('v')?;
            (format!("nodejs{}.x", version.split('.').next()?), version)
        }
    };
    Some((Runtime::parse(&name)?, version.to_owned()))
}

/// `15a1` is version 15 before its time.
fn digits(text: &str) -> &str {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    &text[..end]
}

fn ask_version(path: &Path) -> Option<String> {
    let mut child = Command::new(path)
        .arg("--version")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let deadline = Instant::now() + VERSION_TIMEOUT;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > deadline {
            // Only a child that ended meanwhile cannot be killed.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(VERSION_PAUSE);
    }
    let mut answer = String::new();
    child
        .stdout
        .take()?
        .take(VERSION_BYTES_MAX)
        .read_to_string(&mut answer)
        .ok()?;
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_understood() {
        let runtime = |answer| parse_version(answer).map(|(runtime, _)| runtime.to_string());
        assert_eq!(runtime("Python 3.11.7").as_deref(), Some("python3.11"));
        assert_eq!(runtime("Python 3.15.0a1").as_deref(), Some("python3.15"));
        assert_eq!(runtime("v20.20.2").as_deref(), Some("nodejs20.x"));
        for other in ["Python 2.7.18", "Python 3.6.1", "v16.1.0", "ruby 3.4.1", ""] {
            assert_eq!(runtime(other), None, "{other}");
        }
    }

    #[test]
    fn a_program_that_is_no_interpreter_is_none() {
        assert!(Interpreter::examine(Path::new("/bin/true")).is_none());
        assert!(Interpreter::examine(Path::new("/nowhere/python3.11")).is_none());
    }
}
