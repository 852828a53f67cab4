//! Installed dependencies, kept as packed zips: `<data>/cache/<language>/<key>.zip`.
//!
//! An entry appears by a rename, whole. The oldest go when there are too many.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use tokio::sync::Semaphore;

use super::archive::Archive;
use super::{Tree, blocking};

/// At up to 50 MB each.
const ENTRIES_MAX: usize = 32;

/// The entries of one language.
pub(super) struct Cache {
    folder: PathBuf,
    /// One install at a time: functions that share their dependencies wait for the first of them.
    turn: Semaphore,
}

impl Cache {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            turn: Semaphore::new(1),
        }
    }

    /// The zip of a key; `make` fills a folder where there is none yet.
    pub(super) async fn get_or_make(
        &self,
        key: String,
        make: impl AsyncFnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<PathBuf> {
        let _turn = self.turn.acquire().await?;
        let entry = self.folder.join(format!("{key}.zip"));
        if let Ok(file) = fs::File::options().append(true).open(&entry) {
            // Marks it as used; an entry that cannot be marked only goes earlier.
            let _ = file.set_modified(SystemTime::now());
            return Ok(entry);
        }
        let folder = self.folder.display();
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot make {folder}"))?;
        let draft = tempfile::tempdir_in(&self.folder)?;
        make(draft.path()).await?;
        let (folder, into) = (self.folder.clone(), entry.clone());
        blocking(move || {
            pack(draft.path(), &folder, &into)?;
            evict(&folder)
        })
        .await?;
        Ok(entry)
    }
}

fn pack(draft: &Path, folder: &Path, into: &Path) -> anyhow::Result<()> {
    let mut archive = Archive::new();
    archive.add_tree(&Tree::new(draft, Path::new("")))?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(file.path(), archive.finish()?)?;
    file.persist(into)?;
    Ok(())
}

fn evict(folder: &Path) -> anyhow::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "zip")
        {
            entries.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    entries.sort();
    let excess = entries.len().saturating_sub(ENTRIES_MAX);
    for (_, path) in &entries[..excess] {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[tokio::test]
    async fn an_entry_is_made_once_and_a_failure_leaves_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("python"));
        let failed = cache
            .get_or_make("k".into(), async |_: &Path| bail!("no network"))
            .await;
        assert_eq!(failed.unwrap_err().to_string(), "no network");
        let make = async |into: &Path| Ok(fs::write(into.join("module.py"), "x")?);
        let made = cache.get_or_make("k".into(), make).await.unwrap();
        let again = cache
            .get_or_make("k".into(), async |_: &Path| bail!("made twice"))
            .await
            .unwrap();
        assert!(made == again && made.is_file());
        assert_eq!(
            fs::read_dir(folder.path().join("python")).unwrap().count(),
            1
        );
    }

    #[test]
    fn the_oldest_entries_go() {
        let folder = tempfile::tempdir().unwrap();
        for age in 0..ENTRIES_MAX as u64 + 3 {
            let file = fs::File::create(folder.path().join(format!("{age}.zip"))).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age))
                .unwrap();
        }
        evict(folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), ENTRIES_MAX);
        assert!(folder.path().join("0.zip").exists() && !folder.path().join("34.zip").exists());
    }
}
