//! The last starts of versions of each function, as long as neither its code nor its configuration changes.
//!
//! ```text
//! a pool opens ─▶ of ─▶ each environment's first answer ─▶ keep
//! change, deletion ─▶ forget; environments that still start keep theirs to themselves
//! ```

use super::clock::Times;
use super::told::{Telling, Told};
use lambkin_model::{Function, FunctionName, Outcome, RequestId, Start, Timestamp, Version};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Published versions of a function whose starts are kept, beside `$LATEST`: with them a function has at most 85 KiB.
const PUBLISHED_MAX: usize = 16;
/// Starts of a version that are kept, 150 bytes each.
const STARTS_MAX: usize = 8;
/// Bytes that programs told in them, together; older starts go first.
const TOLD_BYTES_MAX: usize = 4 << 10;

/// One start of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastStart {
    /// When its first invoke was accepted.
    pub at: Timestamp,
    /// That invoke.
    pub request_id: RequestId,
    /// How it got its environment.
    pub kind: Start,
    /// How it ended.
    pub outcome: Outcome,
    /// Where the time went.
    pub times: Times,
    /// How the program divides its own part, if it does.
    pub told: Option<Told>,
}

/// A start as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(super) at: Timestamp,
    pub(super) request_id: RequestId,
    pub(super) kind: Start,
    pub(super) outcome: Outcome,
    pub(super) times: Times,
    pub(super) telling: Option<Telling>,
}

impl Kept {
    fn told_bytes(&self) -> usize {
        self.telling.as_ref().map_or(0, Telling::bytes)
    }

    fn read(&self) -> PastStart {
        let telling = self.telling.as_ref();
        PastStart {
            at: self.at,
            request_id: self.request_id,
            kind: self.kind,
            outcome: self.outcome,
            times: self.times,
            told: telling.and_then(|telling| telling.read(self.times.program)),
        }
    }
}

/// The last starts of one version.
#[derive(Debug, Default)]
pub(crate) struct FunctionStarts(Mutex<VecDeque<Kept>>);

impl FunctionStarts {
    /// Another one; old ones make room.
    pub(crate) fn keep(&self, start: Kept) {
        let mut starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        starts.push_front(start);
        starts.truncate(STARTS_MAX);
        let mut bytes = 0;
        let fitting = starts.iter().take_while(|start| {
            bytes += start.told_bytes();
            bytes <= TOLD_BYTES_MAX
        });
        let fitting = fitting.count();
        starts.truncate(fitting);
    }

    /// Newest first.
    fn read(&self) -> Vec<PastStart> {
        let starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        starts.iter().map(Kept::read).collect()
    }
}

/// `$LATEST` is the first.
type ByVersion = BTreeMap<Version, Arc<FunctionStarts>>;

/// By function and version.
#[derive(Debug, Default)]
pub(crate) struct RecentStarts(Mutex<HashMap<FunctionName, ByVersion>>);

impl RecentStarts {
    /// Where the starts of a version's environments are kept. The lowest of too many versions is forgotten.
    pub(crate) fn of(&self, function: &Function) -> Arc<FunctionStarts> {
        let mut all = self.lock();
        let versions = all.entry(function.name.clone()).or_default();
        let starts = Arc::clone(versions.entry(function.version).or_default());
        let mut published = versions.keys().filter(|one| **one != Version::Latest);
        if let (Some(lowest), Some(_)) =
            (published.next().copied(), published.nth(PUBLISHED_MAX - 1))
        {
            versions.remove(&lowest);
        }
        starts
    }

    /// A version has changed, or is no more.
    pub(crate) fn forget(&self, name: &FunctionName, version: Version) {
        if let Some(versions) = self.lock().get_mut(name) {
            versions.remove(&version);
        }
    }

    /// A function is no more.
    pub(crate) fn forget_all(&self, name: &FunctionName) {
        self.lock().remove(name);
    }

    /// The starts of a version, newest first; none that is known, none.
    pub(crate) fn read(&self, function: &Function) -> Vec<PastStart> {
        let all = self.lock();
        let found = all
            .get(&function.name)
            .and_then(|versions| versions.get(&function.version));
        let found = found.map(Arc::clone);
        drop(all);
        found.map_or_else(Vec::new, |starts| starts.read())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<FunctionName, ByVersion>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn start(at: i64, told_bytes: usize) -> Kept {
        let value = HeaderValue::from_str(&" ".repeat(told_bytes)).unwrap();
        Kept {
            at: Timestamp(at),
            request_id: RequestId::random(),
            kind: Start::Cold,
            outcome: Outcome::Success,
            times: Times::default(),
            telling: Telling::of(&value),
        }
    }

    #[test]
    fn the_newest_stay_within_count_and_bytes() {
        let recent = RecentStarts::default();
        let function = crate::testing::function("f", BTreeMap::new());
        let version = Function {
            version: Version::Published(1),
            ..function.clone()
        };
        let ats = || -> Vec<i64> { recent.read(&function).iter().map(|one| one.at.0).collect() };
        assert!(ats().is_empty());
        recent.of(&version).keep(start(0, 0));
        let starts = recent.of(&function);
        (0..10).for_each(|at| starts.keep(start(at, 500)));
        assert_eq!(ats(), [9, 8, 7, 6, 5, 4, 3, 2]);
        starts.keep(start(10, 2_000));
        assert_eq!(ats(), [10, 9, 8, 7, 6]);
        starts.keep(start(11, 4_096));
        assert_eq!(ats(), [11]);

        recent.forget(&function.name, Version::Latest);
        starts.keep(start(12, 0));
        assert!(ats().is_empty(), "of the function as it was");
        recent.of(&function).keep(start(13, 0));
        assert_eq!(ats(), [13]);
        assert_eq!(recent.read(&version).len(), 1);
        recent.forget_all(&function.name);
        assert!(ats().is_empty() && recent.read(&version).is_empty());
    }

    #[test]
    fn starts_of_the_highest_versions_are_kept() {
        let recent = RecentStarts::default();
        let latest = crate::testing::function("f", BTreeMap::new());
        let version = |number| Function {
            version: Version::Published(number),
            ..latest.clone()
        };
        recent.of(&latest).keep(start(0, 0));
        (1..=20).for_each(|number| recent.of(&version(number)).keep(start(0, 0)));
        let is_kept = |function: &Function| !recent.read(function).is_empty();
        assert!(is_kept(&latest));
        assert!((1..=20).all(|number| is_kept(&version(number)) == (number > 4)));
    }
}
