//! The AWS SDKs that functions import without shipping them: pinned trees in the data folder.
//!
//! ```text
//! <data>/runtimes/sdk/<language>/           put there whole, by a rename
//!                               .complete   SHA-256 of the pins it was made from, in hex
//! ```
//! Its files are readable by every user: sandboxes run under users of their own.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use sha2::{Digest, Sha256};

use crate::interpreter::{self, Python};
use crate::tool;

/// A language whose managed runtimes bring an SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Sdk {
    /// boto3 and botocore
    Python,
    /// AWS SDK for JavaScript v3
    Nodejs,
}

impl Sdk {
    pub(crate) const ALL: [Self; 2] = [Self::Python, Self::Nodejs];

    /// The one that functions of a runtime expect.
    pub(crate) fn of_runtime(runtime: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|sdk| runtime.starts_with(sdk.name()))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Nodejs => "nodejs",
        }
    }

    fn pins(self) -> &'static str {
        match self {
            Self::Python => include_str!("../../../runtimes/sdk/python/requirements.txt"),
            Self::Nodejs => include_str!("../../../runtimes/sdk/nodejs/package.json"),
        }
    }

    pub(crate) fn is_installed(self, data_dir: &Path) -> bool {
        let stamp = fs::read_to_string(self.tree(data_dir).join(STAMP));
        stamp.is_ok_and(|stamp| stamp.trim() == self.stamp())
    }

    /// Installs the tree in place of an older one; leaves nothing behind when it fails.
    pub(crate) async fn install(self, data_dir: &Path) -> anyhow::Result<PathBuf> {
        let tree = self.tree(data_dir);
        let parent = tree.parent().context("the tree has no parent")?;
        make_folders(data_dir, parent)
            .with_context(|| format!("cannot make {}", parent.display()))?;
        let draft = tempfile::Builder::new()
            .prefix(".draft-")
            .tempdir_in(parent)?;
        match self {
            Self::Python => install_python(draft.path(), self.pins()).await?,
            Self::Nodejs => install_nodejs(draft.path(), self.pins()).await?,
        }
        make_readable(draft.path())?;
        fs::write(draft.path().join(STAMP), self.stamp())?;
        replace(draft, &tree).with_context(|| format!("cannot put {} in place", tree.display()))?;
        Ok(tree)
    }

    fn tree(self, data_dir: &Path) -> PathBuf {
        data_dir.join("runtimes/sdk").join(self.name())
    }

    fn stamp(self) -> String {
        format!("{:x}", Sha256::digest(self.pins()))
    }
}

const STAMP: &str = ".complete";

async fn install_python(into: &Path, pins: &str) -> anyhow::Result<()> {
    let python = Python::with_pip(None).await?;
    let file = into.join("requirements.txt");
    fs::write(&file, pins)?;
    let mut pip = python.pip_install(into, None);
    pip.arg("--requirement").arg(&file);
    tool::run(pip, drop).await
}

async fn install_nodejs(into: &Path, pins: &str) -> anyhow::Result<()> {
    fs::write(into.join("package.json"), pins)?;
    let mut npm = interpreter::npm(None).await?;
    npm.args([
        "install",
        "--omit=dev",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    npm.current_dir(into);
    tool::run(npm, drop).await
}

/// The data folder is closed to others; what is below it in `runtimes` is open.
fn make_folders(data_dir: &Path, folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)?;
    fs::create_dir_all(folder)?;
    for folder in [&data_dir.join("runtimes"), folder] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn make_readable(tree: &Path) -> anyhow::Result<()> {
    for entry in walkdir::WalkDir::new(tree) {
        let entry = entry?;
        if entry.file_type().is_symlink() {
            continue;
        }
        let mode = entry.metadata()?.permissions().mode();
        let open = if entry.file_type().is_dir() || mode & 0o100 != 0 {
            0o755
        } else {
            0o644
        };
        if mode & 0o7777 != open {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(open))?;
        }
    }
    Ok(())
}

/// Between its two renames there is no tree; whoever starts then finds it missing, never half.
fn replace(draft: tempfile::TempDir, tree: &Path) -> io::Result<()> {
    let old = draft.path().with_extension("old");
    let had_one = match fs::rename(tree, &old) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error),
    };
    fs::rename(draft.path(), tree)?;
    // It was moved: there is nothing left to remove.
    let _ = draft.keep();
    match had_one {
        true => fs::remove_dir_all(&old),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_replaced_whole_and_readable_by_all() {
        let data = tempfile::tempdir().unwrap();
        let tree = Sdk::Python.tree(data.path());
        let parent = tree.parent().unwrap();
        make_folders(data.path(), parent).unwrap();
        for content in ["old", "new"] {
            let draft = tempfile::tempdir_in(parent).unwrap();
            let file = draft.path().join("module.py");
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            make_readable(draft.path()).unwrap();
            replace(draft, &tree).unwrap();
        }
        assert_eq!(fs::read_to_string(tree.join("module.py")).unwrap(), "new");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&tree), mode(&tree.join("module.py"))), (0o755, 0o644));
        assert_eq!(
            fs::read_dir(parent).unwrap().count(),
            1,
            "nothing else is left"
        );
    }

    #[test]
    fn only_the_stamp_of_these_pins_counts() {
        let data = tempfile::tempdir().unwrap();
        let tree = Sdk::Nodejs.tree(data.path());
        fs::create_dir_all(&tree).unwrap();
        assert!(!Sdk::Nodejs.is_installed(data.path()));
        fs::write(tree.join(STAMP), "of other pins").unwrap();
        assert!(!Sdk::Nodejs.is_installed(data.path()));
        fs::write(tree.join(STAMP), Sdk::Nodejs.stamp()).unwrap();
        assert!(Sdk::Nodejs.is_installed(data.path()));
        assert_eq!(Sdk::of_runtime("nodejs20.x"), Some(Sdk::Nodejs));
        assert_eq!(Sdk::of_runtime("provided.al2023"), None);
    }
}
