//! `package.json`'s dependencies, installed by npm; with a lock, exactly those of the lock.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lambkin_wire::admin::RuntimeLine;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::interpreter;
use crate::tool;

const MANIFEST: &str = "package.json";
const LOCK: &str = "package-lock.json";
/// What npm reads of a project.
const FILES: [&str; 3] = [MANIFEST, LOCK, ".npmrc"];

/// What is to be installed.
pub(super) struct Install {
    files: Vec<(&'static str, Vec<u8>)>,
    node: Option<RuntimeLine>,
}

/// Whether npm has something to install.
pub(super) fn has_dependencies(root: &Path) -> bool {
    let manifest = fs::read(root.join(MANIFEST)).unwrap_or_default();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
    let kinds = ["dependencies", "optionalDependencies"];
    kinds.iter().any(|kind| {
        manifest[*kind]
            .as_object()
            .is_some_and(|entries| !entries.is_empty())
    })
}

impl Install {
    /// `None` where nothing is required.
    pub(super) fn of(root: &Path, node: Option<&RuntimeLine>) -> anyhow::Result<Option<Self>> {
        if !has_dependencies(root) {
            return Ok(None);
        }
        let mut files = Vec::new();
        for name in FILES {
            if root.join(name).is_file() {
                files.push((
                    name,
                    fs::read(root.join(name)).with_context(|| format!("cannot read {name}"))?,
                ));
            }
        }
        Ok(Some(Self {
            files,
            node: node.cloned(),
        }))
    }

    pub(super) fn key(&self) -> String {
        let runtime = self.node.as_ref().map_or("", |node| &node.runtime);
        let mut hash = Sha256::new().chain_update(runtime);
        for (name, content) in &self.files {
            hash.update([0]);
            hash.update(name);
            hash.update(content.len().to_le_bytes());
            hash.update(content);
        }
        format!("{:x}", hash.finalize())
    }

    /// Leaves `node_modules` alone in `into`: the files beside it are the source's.
    pub(super) async fn run(&self, into: &Path) -> anyhow::Result<()> {
        for (name, content) in &self.files {
            fs::write(into.join(name), content)?;
        }
        let node = self.node.as_ref().map(|node| PathBuf::from(&node.path));
        let mut npm = interpreter::npm(node.as_deref()).await?;
        let has_lock = self.files.iter().any(|(name, _)| *name == LOCK);
        npm.arg(if has_lock { "ci" } else { "install" });
        npm.args(["--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(into);
        tool::run(npm, drop).await?;
        for name in FILES {
            match fs::remove_file(into.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_dependencies_are_installed() {
        let folder = tempfile::tempdir().unwrap();
        let of = || Install::of(folder.path(), None).unwrap();
        assert!(of().is_none());
        for manifest in [
            "{",
            "{}",
            r#"{"dependencies": {}, "devDependencies": {"a": "1"}}"#,
        ] {
            fs::write(folder.path().join(MANIFEST), manifest).unwrap();
            assert!(of().is_none(), "{manifest}");
        }
        fs::write(
            folder.path().join(MANIFEST),
            r#"{"dependencies": {"a": "1"}}"#,
        )
        .unwrap();
        let key = of().unwrap().key();
        fs::write(folder.path().join(LOCK), "{}").unwrap();
        assert_ne!(key, of().unwrap().key());
    }
}
