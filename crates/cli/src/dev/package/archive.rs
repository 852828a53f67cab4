//! Zips whose bytes depend on names, contents and execute bits alone.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufReader, Cursor, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime, ZipArchive};

use super::Tree;
use super::link::{self, Link};

/// AWS's limit of unpacked code.
const UNPACKED_BYTES_MAX: u64 = 262_144_000;
/// More entries than the server's unpacker takes; a walk of the wrong folder ends here.
const ENTRIES_MAX: usize = 100_000;

/// A zip that is being written.
pub(super) struct Archive {
    zip: ZipWriter<Cursor<Vec<u8>>>,
    names: BTreeSet<String>,
    unpacked_bytes: u64,
    /// Links that lead nowhere, and so are not in it; those of editors do not count.
    dangling: Vec<PathBuf>,
    /// The folders that are being packed, canonical: one within the other by a link.
    within: Vec<PathBuf>,
}

impl Archive {
    pub(super) fn new() -> Self {
        let zip = ZipWriter::new(Cursor::new(Vec::new()));
        Self {
            zip,
            names: BTreeSet::new(),
            unpacked_bytes: 0,
            dangling: Vec::new(),
            within: Vec::new(),
        }
    }

    pub(super) fn add_file(
        &mut self,
        name: &str,
        content: &[u8],
        is_executable: bool,
    ) -> anyhow::Result<()> {
        self.account(name, content.len() as u64)?;
        let mode = if is_executable { 0o755 } else { 0o644 };
        self.zip
            .start_file(name, options().unix_permissions(mode))?;
        Ok(self.zip.write_all(content)?)
    }

    /// Adds all files of a tree. A link that ends at one of them stays a link; any other becomes what it leads to.
    pub(super) fn add_tree(&mut self, tree: &Tree) -> anyhow::Result<()> {
        self.add_tree_as("", tree)
    }

    fn add_tree_as(&mut self, prefix: &str, tree: &Tree) -> anyhow::Result<()> {
        self.within.push(tree.root().canonicalize()?);
        for entry in tree.walk() {
            let entry = entry?;
            if entry.file_type().is_dir() {
                continue;
            }
            let path = entry.path();
            let name = path.strip_prefix(tree.root())?.to_str();
            let name =
                name.with_context(|| format!("{} has a name that is not UTF-8", path.display()))?;
            let name = format!("{prefix}{name}");
            let added = match entry.path_is_symlink() {
                true => self.add_link(&name, path, tree),
                false => self.add_path(&name, path),
            };
            added.with_context(|| format!("cannot pack {}", path.display()))?;
        }
        self.within.pop();
        Ok(())
    }

    /// Links of the trees so far that lead nowhere; they are not packed.
    pub(super) fn dangling(&self) -> &[PathBuf] {
        &self.dangling
    }

    /// Adds what an archive of ours holds and this one does not; nothing is compressed again.
    pub(super) fn merge(&mut self, path: &Path) -> anyhow::Result<()> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut other = ZipArchive::new(BufReader::new(file))?;
        for index in 0..other.len() {
            let entry = other.by_index_raw(index)?;
            let name = entry.name()?.into_owned();
            if self.names.contains(&name) {
                continue;
            }
            self.account(&name, entry.size())?;
            self.zip.raw_copy_file(entry)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> anyhow::Result<Vec<u8>> {
        ensure!(
            !self.names.is_empty(),
            "there is no code: its folder is empty"
        );
        Ok(self.zip.finish()?.into_inner())
    }

    fn add_path(&mut self, name: &str, path: &Path) -> anyhow::Result<()> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            bail!("it is neither a file nor a folder");
        }
        let mut content = Vec::new();
        File::open(path)?
            .take(UNPACKED_BYTES_MAX + 1)
            .read_to_end(&mut content)?;
        self.add_file(name, &content, metadata.permissions().mode() & 0o111 != 0)
    }

    fn add_link(&mut self, name: &str, path: &Path, tree: &Tree) -> anyhow::Result<()> {
        match Link::read(path, tree)? {
            Link::Inside(way) => {
                self.account(name, way.len() as u64)?;
                Ok(self.zip.add_symlink(name, way, options())?)
            }
            Link::File => self.add_path(name, path),
            Link::Folder(folder) => {
                let holds_it = self.within.iter().any(|outer| outer.starts_with(&folder));
                ensure!(!holds_it, "it leads to a folder that holds it");
                self.add_tree_as(&format!("{name}/"), &tree.at(&folder))
            }
            Link::Nowhere => {
                let is_told = !link::is_editors_lock(path);
                self.dangling.extend(is_told.then(|| path.to_owned()));
                Ok(())
            }
        }
    }

    fn account(&mut self, name: &str, size_bytes: u64) -> anyhow::Result<()> {
        self.unpacked_bytes += size_bytes;
        ensure!(
            self.unpacked_bytes <= UNPACKED_BYTES_MAX,
            "the code is over {UNPACKED_BYTES_MAX} bytes (250 MB) unpacked, AWS's limit"
        );
        ensure!(
            self.names.len() < ENTRIES_MAX,
            "the code has more than {ENTRIES_MAX} files"
        );
        self.names.insert(name.to_owned());
        Ok(())
    }
}

/// One date for all: the zip format's first.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder(files: &[(&str, &str, u32)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content, mode) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        folder
    }

    fn pack(root: &Path) -> Vec<u8> {
        let mut archive = Archive::new();
        archive
            .add_tree(&Tree::new(root, Path::new("/nonexistent")))
            .unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn the_same_source_gives_the_same_bytes() {
        let files = [
            ("b.py", "b", 0o600),
            ("a/run", "a", 0o700),
            ("a/z.py", "z", 0o664),
        ];
        let one = folder(&files);
        let other = folder(&[files[2], files[1], files[0]]);
        assert_eq!(pack(one.path()), pack(other.path()));
        let mut zip = ZipArchive::new(Cursor::new(pack(one.path()))).unwrap();
        let names: Vec<_> = zip.file_names().map(Result::unwrap).collect();
        assert_eq!(names, ["a/run", "a/z.py", "b.py"]);
        let mode =
            |zip: &mut ZipArchive<_>, name| zip.by_name(name).unwrap().unix_mode().unwrap() & 0o777;
        assert_eq!(
            (mode(&mut zip, "a/run"), mode(&mut zip, "b.py")),
            (0o755, 0o644)
        );
        fs::write(one.path().join("b.py"), "c").unwrap();
        assert_ne!(pack(one.path()), pack(other.path()));
    }

    #[test]
    fn links_stay_inside_or_are_followed() {
        let outside = folder(&[("file", "content", 0o644), ("lib/one.py", "", 0o644)]);
        let inside = folder(&[("real", "real", 0o644)]);
        symlink("real", inside.path().join("alias")).unwrap();
        symlink(outside.path().join("file"), inside.path().join("copied")).unwrap();
        symlink(outside.path().join("lib"), inside.path().join("lib")).unwrap();
        let mut zip = ZipArchive::new(Cursor::new(pack(inside.path()))).unwrap();
        assert!(zip.by_name("alias").unwrap().is_symlink());
        let mut copied = String::new();
        zip.by_name("copied")
            .unwrap()
            .read_to_string(&mut copied)
            .unwrap();
        assert_eq!(copied, "content");
        assert!(zip.by_name("lib/one.py").unwrap().is_file());
        symlink(inside.path(), outside.path().join("lib/again")).unwrap();
        let tree = Tree::new(inside.path(), Path::new("/nonexistent"));
        let error = format!("{:#}", Archive::new().add_tree(&tree).unwrap_err());
        assert!(error.contains("a folder that holds it"), "{error}");
    }

    #[test]
    fn links_that_lead_nowhere_are_left_out_and_told_of() {
        let root = folder(&[("app.py", "", 0o644)]);
        symlink("me@here.12:34", root.path().join(".#app.py")).unwrap();
        symlink("gone", root.path().join("dangling")).unwrap();
        let mut archive = Archive::new();
        let tree = Tree::new(root.path(), Path::new("/nonexistent"));
        archive.add_tree(&tree).unwrap();
        assert_eq!(archive.dangling(), [root.path().join("dangling")]);
        let zip = ZipArchive::new(Cursor::new(archive.finish().unwrap())).unwrap();
        assert_eq!(
            zip.file_names().map(Result::unwrap).collect::<Vec<_>>(),
            ["app.py"]
        );
    }

    #[test]
    fn the_source_goes_over_its_dependencies() {
        let packed = folder(&[
            ("shared.py", "dependency", 0o644),
            ("only.py", "dependency", 0o644),
        ]);
        let dependencies = packed.path().join("dependencies.zip");
        let bytes = pack(packed.path());
        fs::write(&dependencies, bytes).unwrap();
        let mut archive = Archive::new();
        archive.add_file("shared.py", b"own", false).unwrap();
        archive.merge(&dependencies).unwrap();
        let mut zip = ZipArchive::new(Cursor::new(archive.finish().unwrap())).unwrap();
        let mut read = |name| {
            let mut text = String::new();
            zip.by_name(name)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            text
        };
        assert_eq!(
            (read("shared.py").as_str(), read("only.py").as_str()),
            ("own", "dependency")
        );
    }

    #[test]
    fn nothing_is_no_package() {
        let empty = tempfile::tempdir().unwrap();
        let mut archive = Archive::new();
        archive
            .add_tree(&Tree::new(empty.path(), Path::new("/nonexistent")))
            .unwrap();
        assert!(archive.finish().is_err());
        assert!(
            Archive::new()
                .account("big", UNPACKED_BYTES_MAX + 1)
                .is_err()
        );
    }
}
