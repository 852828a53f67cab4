//! From a function's source to the zip that is uploaded: installed, built and packed.
//!
//! The same source always gives the same bytes, so that an unchanged function is not uploaded again.

mod archive;
mod cache;
mod cargo;
mod link;
mod nodejs;
mod python;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use lambkin_wire::admin::RuntimeLine;
use sha2::{Digest, Sha256};

use super::template::{Build, Function, Source};
use crate::terminal::Terminal;

use archive::Archive;
use cache::Cache;
pub(super) use tree::Tree;

/// AWS's limit of a zip that is uploaded directly.
const ZIP_BYTES_MAX: u64 = 50 * 1024 * 1024;

/// A zip, ready to be uploaded.
#[derive(Clone, Debug)]
pub(super) struct Package {
    pub(super) zip: Bytes,
    /// As AWS states it: base64.
    pub(super) sha256: String,
    /// How long the build took, where there was one.
    pub(super) build: Option<String>,
}

/// Makes packages.
pub(super) struct Packager {
    terminal: Terminal,
    /// Never packed, never watched: the data folder may lie among the sources.
    data_dir: PathBuf,
    interpreters: Vec<RuntimeLine>,
    python: Cache,
    nodejs: Cache,
    /// Links that lead nowhere and that were told of.
    dangling: Mutex<BTreeSet<PathBuf>>,
}

impl Packager {
    pub(super) fn new(
        terminal: &Terminal,
        data_dir: &Path,
        interpreters: Vec<RuntimeLine>,
    ) -> Self {
        let folder = data_dir.join("cache");
        Self {
            terminal: terminal.clone(),
            data_dir: data_dir.to_owned(),
            interpreters,
            python: Cache::new(folder.join("python")),
            nodejs: Cache::new(folder.join("nodejs")),
            dangling: Mutex::default(),
        }
    }

    pub(super) async fn package(&self, function: &Function) -> anyhow::Result<Package> {
        let started = Instant::now();
        let (zip, is_build) = match &function.source {
            Source::Inline(text) => (self.inline(function, text)?, false),
            Source::Archive(path) => (read_archive(path)?, false),
            Source::Folder { root, build } => {
                let is_build = matches!(build, Build::Cargo { .. });
                (self.folder(function, root, build).await?, is_build)
            }
        };
        ensure!(
            zip.len() as u64 <= ZIP_BYTES_MAX,
            "its zip has {} bytes; AWS and Lambkin take at most {ZIP_BYTES_MAX} (50 MB) in one upload",
            zip.len()
        );
        Ok(Package {
            sha256: STANDARD.encode(Sha256::digest(&zip)),
            zip: zip.into(),
            build: is_build.then(|| format!("built in {:.1} s", started.elapsed().as_secs_f64())),
        })
    }

    /// The files that a function's package depends on; `None` if it has none of its own.
    pub(super) fn tree(&self, function: &Function) -> Option<Tree> {
        match &function.source {
            Source::Inline(_) => None,
            Source::Archive(path) => Some(Tree::new(path, &self.data_dir)),
            Source::Folder { root, build } => {
                let tree = Tree::new(root, &self.data_dir);
                let installs = *build == Build::Nodejs && nodejs::has_dependencies(root);
                Some(if installs {
                    tree.without_node_modules()
                } else {
                    tree
                })
            }
        }
    }

    fn inline(&self, function: &Function, text: &str) -> anyhow::Result<Vec<u8>> {
        let runtime = function.runtime.as_deref().unwrap_or_default();
        let name = if runtime.starts_with("nodejs") {
            "index.js"
        } else {
            "index.py"
        };
        let mut archive = Archive::new();
        archive.add_file(name, text.as_bytes(), false)?;
        archive.finish()
    }

    async fn folder(
        &self,
        function: &Function,
        root: &Path,
        build: &Build,
    ) -> anyhow::Result<Vec<u8>> {
        let dependencies = match build {
            Build::AsIs => None,
            Build::Python => self.python_dependencies(function, root).await?,
            Build::Nodejs => self.nodejs_dependencies(function, root).await?,
            Build::Cargo { binary } => return self.cargo(function, root, binary.as_deref()).await,
        };
        let tree = self.tree(function).context("it has no folder")?;
        let (zip, dangling) = blocking(move || {
            let mut archive = Archive::new();
            archive.add_tree(&tree)?;
            if let Some(dependencies) = dependencies {
                archive.merge(&dependencies)?;
            }
            let dangling = archive.dangling().to_vec();
            Ok((archive.finish()?, dangling))
        })
        .await?;
        self.warn_of(dangling);
        Ok(zip)
    }

    /// Once of each link: a package is made at every change.
    fn warn_of(&self, dangling: Vec<PathBuf>) {
        let mut told = self.dangling.lock().unwrap_or_else(PoisonError::into_inner);
        for link in dangling {
            if told.insert(link.clone()) {
                let link = link.display();
                self.terminal.warn(format_args!(
                    "{link} is a link that leads nowhere; it is left out"
                ));
            }
        }
    }

    async fn cargo(
        &self,
        function: &Function,
        root: &Path,
        binary: Option<&str>,
    ) -> anyhow::Result<Vec<u8>> {
        let _busy = self
            .terminal
            .busy(format!("{}: cargo build --release", function.logical_id));
        let bootstrap = cargo::build(root, binary).await?;
        blocking(move || {
            let mut archive = Archive::new();
            archive.add_file("bootstrap", &std::fs::read(bootstrap)?, true)?;
            archive.finish()
        })
        .await
    }

    async fn python_dependencies(
        &self,
        function: &Function,
        root: &Path,
    ) -> anyhow::Result<Option<PathBuf>> {
        let Some(install) = python::Install::of(root, self.interpreter(function))? else {
            return Ok(None);
        };
        let text = format!("{}: pip install", function.logical_id);
        let made = self.python.get_or_make(install.key(), async |into: &Path| {
            let _busy = self.terminal.busy(text);
            install.run(into).await
        });
        made.await.map(Some)
    }

    async fn nodejs_dependencies(
        &self,
        function: &Function,
        root: &Path,
    ) -> anyhow::Result<Option<PathBuf>> {
        let Some(install) = nodejs::Install::of(root, self.interpreter(function))? else {
            return Ok(None);
        };
        let text = format!("{}: npm install", function.logical_id);
        let made = self.nodejs.get_or_make(install.key(), async |into: &Path| {
            let _busy = self.terminal.busy(text);
            install.run(into).await
        });
        made.await.map(Some)
    }

    /// The interpreter that the server runs a function with: the one asked for, else the nearest.
    fn interpreter(&self, function: &Function) -> Option<&RuntimeLine> {
        let asked = function.runtime.as_deref()?;
        let language = asked.trim_end_matches(|c: char| !c.is_ascii_alphabetic() || c == 'x');
        let same_language = self
            .interpreters
            .iter()
            .filter(|line| line.runtime.starts_with(language));
        same_language.min_by_key(|line| version_of(&line.runtime).abs_diff(version_of(asked)))
    }
}

/// `311` of `python3.11`, `20` of `nodejs20.x`: versions of one language are as far apart as these.
fn version_of(runtime: &str) -> u32 {
    let digits: String = runtime.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn read_archive(path: &Path) -> anyhow::Result<Vec<u8>> {
    let size_bytes = std::fs::metadata(path)?.len();
    ensure!(
        size_bytes <= ZIP_BYTES_MAX,
        "{} is over 50 MB",
        path.display()
    );
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Packing is disk and CPU work: it goes off the thread that also serves the connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_a_language_are_comparable() {
        assert!(version_of("python3.9") < version_of("python3.10"));
        assert_eq!(version_of("nodejs22.x"), 22);
    }
}
