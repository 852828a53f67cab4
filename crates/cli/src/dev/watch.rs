//! Tells which files changed. Events that belong together come together.
//!
//! Folders are watched one by one, so that what does not count (`.git`, `target`, ...) costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::package::Tree;

/// Editors write in several steps; this long must pass without one.
const QUIET: Duration = Duration::from_millis(15);
/// A steady stream of changes is not waited out.
const QUIET_MAX: Duration = Duration::from_millis(150);
/// Events that may wait; when more come at once, everything is looked at anew.
const EVENTS_MAX: usize = 1_024;

/// What changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changes {
    /// These paths, at least one.
    Paths(BTreeSet<PathBuf>),
    /// So much, or so uncertain, that anything may have.
    Anything,
}

/// Watches files and folders.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    events: mpsc::Receiver<Noticed>,
    overflow: Arc<AtomicBool>,
}

type Noticed = notify::Result<Event>;

impl Watch {
    pub(super) fn new() -> anyhow::Result<Self> {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let overflow = Arc::new(AtomicBool::new(false));
        let overflowed = overflow.clone();
        let watcher = notify::recommended_watcher(move |event: Noticed| {
            if event.as_ref().is_ok_and(|event| !is_change(event)) {
                return;
            }
            if sender.try_send(event).is_err() {
                overflowed.store(true, Ordering::Relaxed);
            }
        });
        let watcher = watcher.context("changes of files cannot be watched")?;
        Ok(Self {
            watcher,
            watched: BTreeSet::new(),
            events,
            overflow,
        })
    }

    /// Watches all folders of a tree, also those that are new in it.
    pub(super) fn tree(&mut self, tree: &Tree) -> anyhow::Result<()> {
        if tree.root().is_file() {
            return self.file(tree.root());
        }
        if !tree.root().exists() {
            return self.awaited(tree.root());
        }
        for entry in tree.walk() {
            // A folder that vanishes while it is walked has nothing to watch.
            let Ok(entry) = entry else { continue };
            if entry.file_type().is_dir() {
                self.folder(entry.path())?;
            }
        }
        Ok(())
    }

    /// Watches one file, by its folder: editors put a new file in the place of the old.
    pub(super) fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        self.folder(path.parent().unwrap_or(Path::new("/")))
    }

    /// Watches for something that does not exist yet, by the nearest folder above it that does.
    pub(super) fn awaited(&mut self, path: &Path) -> anyhow::Result<()> {
        let nearest = path.ancestors().skip(1).find(|folder| folder.is_dir());
        self.folder(nearest.unwrap_or(Path::new("/")))
    }

    fn folder(&mut self, path: &Path) -> anyhow::Result<()> {
        if self.watched.contains(path) && path.is_dir() {
            return Ok(());
        }
        match self.watcher.watch(path, RecursiveMode::NonRecursive) {
            Ok(()) => drop(self.watched.insert(path.to_owned())),
            Err(_) if !path.is_dir() => {}
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("{} cannot be watched; `sysctl fs.inotify.max_user_watches=1048576` allows more watches", path.display())
                });
            }
        }
        Ok(())
    }

    /// Waits for a change, and for those that come right after it. What came and went meanwhile is none: editors and
    /// compilers write files beside those that they are about to replace.
    pub(super) async fn changes(&mut self) -> Changes {
        loop {
            let mut burst = self.burst().await;
            let is_uncertain = burst.is_uncertain | self.overflow.swap(false, Ordering::Relaxed);
            if is_uncertain {
                return Changes::Anything;
            }
            burst
                .paths
                .retain(|path, came| !*came || path.symlink_metadata().is_ok());
            if !burst.paths.is_empty() {
                return Changes::Paths(burst.paths.into_keys().collect());
            }
        }
    }

    async fn burst(&mut self) -> Burst {
        let mut burst = Burst::default();
        // The watcher, which holds the other end, lives as long as this.
        let mut next = self.events.recv().await;
        let end = tokio::time::Instant::now() + QUIET_MAX;
        while let Some(event) = next {
            match event {
                Ok(event) => self.add(&mut burst, event),
                Err(_) => burst.is_uncertain = true,
            }
            let quiet = end.min(tokio::time::Instant::now() + QUIET);
            next = tokio::time::timeout_at(quiet, self.events.recv())
                .await
                .unwrap_or(None);
        }
        burst
    }

    fn add(&mut self, burst: &mut Burst, event: Event) {
        burst.is_uncertain |= event.need_rescan();
        let came = matches!(event.kind, EventKind::Create(_));
        // A folder that is made again must be watched again.
        let may_be_made_again = matches!(
            event.kind,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
        );
        for path in event.paths {
            if may_be_made_again {
                self.watched.remove(&path);
            }
            burst.paths.entry(path).or_insert(came);
        }
    }
}

/// Changes that belong together.
#[derive(Default)]
struct Burst {
    /// Whether the first that was seen of each is that it came.
    paths: BTreeMap<PathBuf, bool>,
    /// More than is known may have changed.
    is_uncertain: bool,
}

/// Reading a file is no change.
fn is_change(event: &Event) -> bool {
    !matches!(event.kind, EventKind::Access(_)) || event.need_rescan()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// Enough for an event to come that should not.
    const SILENCE: Duration = Duration::from_millis(100);

    async fn next(watch: &mut Watch) -> BTreeSet<PathBuf> {
        match tokio::time::timeout(PATIENCE, watch.changes())
            .await
            .unwrap()
        {
            Changes::Paths(paths) => paths,
            Changes::Anything => panic!("the paths are known"),
        }
    }

    #[tokio::test]
    async fn changes_are_noticed_also_in_new_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        fs::write(root.join("app.py"), "one").unwrap();
        let tree = Tree::new(&root, Path::new("/nonexistent"));
        let mut watch = Watch::new().unwrap();
        watch.tree(&tree).unwrap();
        fs::write(root.join("app.py"), "two").unwrap();
        assert_eq!(
            next(&mut watch).await,
            BTreeSet::from([root.join("app.py")])
        );
        fs::create_dir(root.join("new")).unwrap();
        assert_eq!(next(&mut watch).await, BTreeSet::from([root.join("new")]));
        watch.tree(&tree).unwrap();
        fs::write(root.join("new/file"), "").unwrap();
        assert_eq!(
            next(&mut watch).await,
            BTreeSet::from([root.join("new/file")])
        );
    }

    #[tokio::test]
    async fn what_comes_later_is_noticed_by_the_nearest_folder_above() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let tree = Tree::new(&root.join("a/b"), Path::new("/nonexistent"));
        let mut watch = Watch::new().unwrap();
        watch.tree(&tree).unwrap();
        for (folder, file) in [("a", "a/b"), ("a/b", "a/b/app.py")] {
            fs::create_dir(root.join(folder)).unwrap();
            assert_eq!(next(&mut watch).await, BTreeSet::from([root.join(folder)]));
            watch.tree(&tree).unwrap();
            if file.ends_with(".py") {
                fs::write(root.join(file), "").unwrap();
                assert_eq!(next(&mut watch).await, BTreeSet::from([root.join(file)]));
            }
        }
    }

    #[tokio::test]
    async fn what_does_not_count_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join("app.py"), "one").unwrap();
        let mut watch = Watch::new().unwrap();
        watch
            .tree(&Tree::new(folder.path(), Path::new("/nonexistent")))
            .unwrap();
        fs::read(folder.path().join("app.py")).unwrap();
        fs::write(folder.path().join(".git/index"), "").unwrap();
        fs::write(folder.path().join("app.py~"), "").unwrap();
        fs::remove_file(folder.path().join("app.py~")).unwrap();
        assert!(
            tokio::time::timeout(SILENCE, watch.changes())
                .await
                .is_err()
        );
    }
}
