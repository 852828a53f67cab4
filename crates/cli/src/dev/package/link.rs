//! What becomes of a symbolic link in a package. The server takes links alone that never leave the package, so one is
//! written anew, as the shortest way from where it lies to where it ends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Tree;

/// Where a link of a tree ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// At something that is packed as well, by this way.
    Inside(String),
    /// At a file that is not packed.
    File,
    /// At a folder that is not packed, canonical.
    Folder(PathBuf),
    /// At nothing.
    Nowhere,
}

impl Link {
    pub(super) fn read(path: &Path, tree: &Tree) -> anyhow::Result<Self> {
        let end = match path.canonicalize() {
            Ok(end) => end,
            Err(error) if leads_nowhere(&error) => return Ok(Self::Nowhere),
            Err(error) => return Err(error.into()),
        };
        if let Ok(below) = end.strip_prefix(tree.root().canonicalize()?)
            && tree.contains(&tree.root().join(below))
        {
            let from = path.strip_prefix(tree.root())?.parent();
            return way(from.unwrap_or(Path::new("")), below).map(Self::Inside);
        }
        Ok(match fs::metadata(&end)?.is_dir() {
            true => Self::Folder(end),
            false => Self::File,
        })
    }
}

/// Whether a link is the mark that Emacs sets beside a file while it is changed: `.#app.py -> user@host.1234`.
pub(super) fn is_editors_lock(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".#")
}

fn leads_nowhere(error: &io::Error) -> bool {
    let kind = error.kind();
    kind == io::ErrorKind::NotFound
        || kind == io::ErrorKind::NotADirectory
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// From a folder to something else; both below one root, and neither with a link in it.
fn way(from: &Path, to: &Path) -> anyhow::Result<String> {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(one, other)| one == other)
        .count();
    let ups = from.components().skip(shared).map(|_| Path::new(".."));
    let downs = to.components().skip(shared);
    let way: PathBuf = ups
        .chain(downs.map(|name| Path::new(name.as_os_str())))
        .collect();
    let way = way
        .to_str()
        .context("it leads to a name that is not UTF-8")?;
    Ok(if way.is_empty() { "." } else { way }.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_is_where_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("p");
        fs::create_dir_all(root.join("lib/deep")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for file in ["p/app.py", "p/lib/real", "p/.git/HEAD", "beside"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let tree = Tree::new(&root, Path::new("/nonexistent"));
        let inside = |way: &str| Link::Inside(way.to_owned());
        for (name, target, expected) in [
            ("plain", "lib/real", inside("lib/real")),
            ("lib/deep/up", "../../app.py", inside("../../app.py")),
            ("lib/back", "../../p/lib/real", inside("real")),
            ("self", "../p", inside(".")),
            ("beside", "../beside", Link::File),
            ("unpacked", ".git/HEAD", Link::File),
            (
                "outer",
                "..",
                Link::Folder(folder.path().canonicalize().unwrap()),
            ),
            (".#app.py", "me@here.12", Link::Nowhere),
            ("below", "app.py/none", Link::Nowhere),
            ("circle", "circle", Link::Nowhere),
        ] {
            let path = root.join(name);
            symlink(target, &path).unwrap();
            assert_eq!(Link::read(&path, &tree).unwrap(), expected, "{name}");
        }
        let absolute = root.join("absolute");
        symlink(root.join("lib"), &absolute).unwrap();
        assert_eq!(Link::read(&absolute, &tree).unwrap(), inside("lib"));
    }
}
