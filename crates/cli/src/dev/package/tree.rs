//! The files below a source folder that are a function's code; the packer and the watcher share it.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// Never a function's code.
const IGNORED: [&str; 4] = [".git", "__pycache__", ".aws-sam", ".lambkin"];

/// A source folder (or one file) and what of it does not count.
#[derive(Clone, Debug)]
pub(in crate::dev) struct Tree {
    root: PathBuf,
    data_dir: PathBuf,
    skips_node_modules: bool,
}

impl Tree {
    pub(in crate::dev) fn new(root: &Path, data_dir: &Path) -> Self {
        Self {
            root: root.to_owned(),
            data_dir: data_dir.to_owned(),
            skips_node_modules: false,
        }
    }

    /// Leaves out what npm installs.
    pub(super) fn without_node_modules(mut self) -> Self {
        self.skips_node_modules = true;
        self
    }

    /// Another folder, of which the same does not count.
    pub(super) fn at(&self, root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            ..self.clone()
        }
    }

    pub(in crate::dev) fn root(&self) -> &Path {
        &self.root
    }

    /// All that counts, folders before their content, in the order of the names.
    pub(in crate::dev) fn walk(&self) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
        let walk = WalkDir::new(&self.root).sort_by_file_name().into_iter();
        walk.filter_entry(|entry| entry.depth() == 0 || !self.is_ignored(entry.path()))
    }

    /// Whether a path lies in the tree and counts.
    pub(in crate::dev) fn contains(&self, path: &Path) -> bool {
        let Ok(below) = path.strip_prefix(&self.root) else {
            return false;
        };
        let inner = below.ancestors().count().saturating_sub(1);
        !path
            .ancestors()
            .take(inner)
            .any(|ancestor| self.is_ignored(ancestor))
    }

    fn is_ignored(&self, path: &Path) -> bool {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let is_cargo_target = || path.with_file_name("Cargo.toml").is_file();
        IGNORED.contains(&name)
            || (name == "node_modules" && self.skips_node_modules)
            || (name == "target" && is_cargo_target())
            || path == self.data_dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn packer_and_watcher_agree_on_what_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in [
            "app.py",
            "lib/target/kept.py",
            "lib/__pycache__/x.pyc",
            ".git/HEAD",
            "data/secret",
            "node_modules/a/index.js",
            "crate/Cargo.toml",
            "crate/target/debug/x",
        ] {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let tree = Tree::new(root, &root.join("data")).without_node_modules();
        let walked: Vec<PathBuf> = tree
            .walk()
            .map(|entry| entry.unwrap().into_path())
            .filter(|path| path.is_file())
            .collect();
        let expected =
            ["app.py", "crate/Cargo.toml", "lib/target/kept.py"].map(|path| root.join(path));
        assert_eq!(walked, expected);
        for entry in WalkDir::new(root)
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.file_type().is_file())
        {
            assert_eq!(
                tree.contains(entry.path()),
                expected.contains(&entry.into_path())
            );
        }
        assert!(!tree.contains(Path::new("/elsewhere")));
    }
}
