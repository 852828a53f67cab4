//! Where templates are: in a folder, or else in the folders right below it.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::folder_of;

const NAMES: [&str; 3] = ["template.yaml", "template.yml", "template.json"];
const BUILT: &str = ".aws-sam/build/template.yaml";
/// More is no project's folder.
const FOLDERS_MAX: usize = 1_000;

/// A template and what lies around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateFile {
    /// Canonical.
    pub(crate) path: PathBuf,
    /// The project's folder, where `events` is.
    pub(crate) project: PathBuf,
    /// Whether `sam build` made it: its code is packed as it lies there.
    pub(crate) is_built: bool,
}

impl TemplateFile {
    /// The folder that its relative paths start from.
    pub(super) fn folder(&self) -> &Path {
        folder_of(&self.path)
    }
}

/// The templates of a folder; what `sam build` made of one goes before it.
pub(crate) fn find(dir: &Path) -> anyhow::Result<Vec<TemplateFile>> {
    let dir = dir
        .canonicalize()
        .with_context(|| format!("cannot open the folder {}", dir.display()))?;
    if let Some(found) = find_in(&dir) {
        return Ok(vec![found]);
    }
    let folders = folders_below(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let found: Vec<TemplateFile> = folders
        .iter()
        .filter_map(|folder| find_in(folder))
        .collect();
    if found.is_empty() {
        bail!(
            "there is no template.yaml in {0} or in a folder right below it; a SAM template with \
             AWS::Serverless::Function resources describes what to deploy",
            dir.display()
        );
    }
    Ok(found)
}

fn find_in(folder: &Path) -> Option<TemplateFile> {
    let written = NAMES
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())?;
    let built = folder.join(BUILT);
    let is_built = built.is_file();
    let path = if is_built { built } else { written };
    Some(TemplateFile {
        path,
        project: folder.to_owned(),
        is_built,
    })
}

fn folders_below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(dir)?.take(FOLDERS_MAX) {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_built_template_goes_first_and_subfolders_last() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            find(folder.path())
                .unwrap_err()
                .to_string()
                .contains("no template.yaml")
        );
        let below = folder.path().join("one");
        fs::create_dir(&below).unwrap();
        fs::write(below.join("template.yml"), "").unwrap();
        let found = find(folder.path()).unwrap();
        assert!(found.len() == 1 && found[0].path.ends_with("one/template.yml"));
        fs::write(folder.path().join("template.yaml"), "").unwrap();
        assert!(!find(folder.path()).unwrap()[0].is_built);
        fs::create_dir_all(folder.path().join(".aws-sam/build")).unwrap();
        fs::write(folder.path().join(BUILT), "").unwrap();
        let found = find(folder.path()).unwrap();
        assert!(found[0].is_built && found[0].project == folder.path().canonicalize().unwrap());
    }
}
