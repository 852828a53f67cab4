//! `requirements.txt`, installed by pip for the Python that will run the function.

use std::fs;
use std::path::{Path, PathBuf};

use lambkin_wire::admin::RuntimeLine;
use sha2::{Digest, Sha256};

use crate::interpreter::Python;
use crate::tool;

const FILE: &str = "requirements.txt";

/// What is to be installed.
pub(super) struct Install {
    root: PathBuf,
    /// `3.11`, where an interpreter is known.
    version: Option<String>,
    interpreter: Option<PathBuf>,
    requirements: Vec<u8>,
}

impl Install {
    /// `None` where nothing is required.
    pub(super) fn of(
        root: &Path,
        interpreter: Option<&RuntimeLine>,
    ) -> anyhow::Result<Option<Self>> {
        let path = root.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let requirements = fs::read(&path)?;
        let is_requirement = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
        if !String::from_utf8_lossy(&requirements)
            .lines()
            .any(is_requirement)
        {
            return Ok(None);
        }
        Ok(Some(Self {
            root: root.to_owned(),
            version: interpreter
                .and_then(|line| line.runtime.strip_prefix("python").map(str::to_owned)),
            interpreter: interpreter.map(|line| PathBuf::from(&line.path)),
            requirements,
        }))
    }

    pub(super) fn key(&self) -> String {
        let hash = Sha256::new()
            .chain_update(self.version.as_deref().unwrap_or_default())
            .chain_update([0])
            .chain_update(&self.requirements);
        format!("{:x}", hash.finalize())
    }

    pub(super) async fn run(&self, into: &Path) -> anyhow::Result<()> {
        let python = Python::with_pip(self.interpreter.as_deref()).await?;
        let mut pip = python.pip_install(into, self.version.as_deref());
        // Compiled files hold dates, which an unpacked package does not keep.
        pip.args(["--no-compile", "--requirement", FILE])
            .current_dir(&self.root);
        tool::run(pip, drop).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_follows_requirements_and_version() {
        let folder = tempfile::tempdir().unwrap();
        let of = |version: &str| {
            let line = RuntimeLine {
                runtime: format!("python{version}"),
                version: String::new(),
                path: String::new(),
                sdk: false,
            };
            Install::of(folder.path(), Some(&line)).unwrap()
        };
        assert!(of("3.11").is_none());
        fs::write(folder.path().join(FILE), "# none\n\n").unwrap();
        assert!(of("3.11").is_none());
        fs::write(folder.path().join(FILE), "pydantic\n").unwrap();
        let key = of("3.11").unwrap().key();
        assert_eq!(key, of("3.11").unwrap().key());
        assert_ne!(key, of("3.12").unwrap().key());
        fs::write(folder.path().join(FILE), "pydantic==2\n").unwrap();
        assert_ne!(key, of("3.11").unwrap().key());
    }
}
