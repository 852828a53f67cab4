//! Initialised programs of versions with SnapStart, kept so that environments are cloned from them.
//!
//! ```text
//! a version is published, an update of `$LATEST` is live, or an environment is wanted and there is none ──▶ Making
//!   Making ── the program has loaded its function and stands still ──▶ There ──▶ clones
//!     └── it failed, or has what clones cannot share ──▶ Unfit: its environments are started one by one, as any others,
//!         for good if it is the code, for a while if it is the machine
//! clones that fail, one after the other ──▶ Unfit
//! version deleted or changed, memory short ──▶ forgotten; clones that are there stay
//! ```
//! They count as what is made ahead, until their last clone is gone, and come before sandboxes of nobody: the bound of
//! `reserve` holds for both.
//!
//! Refuses: what becomes of a clone (`environment`), how a program is forked (`sandbox`).

mod journal;
mod loading;
mod register;
mod turns;

pub(crate) use register::Unfit;

use crate::environment::Host;
use crate::reserve::{Aside, Taken};
use lambkin_model::{Function, FunctionName, SnapStart, Version};
use lambkin_sandbox::Sandbox;
use loading::NotLoaded;
use register::{Found, Register};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use turns::Turns;

/// How often it is looked whether what loads is still wanted, of the few that load at one time.
const LOOK: Duration = Duration::from_millis(250);
/// Clones that fail, with none among them that gets as far as its first event, until environments are started one by
/// one again.
const FAILURES_MAX: u32 = 2;

/// Which environments are cloned of those whose function has SnapStart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloning {
    /// None.
    Off,
    /// Those of published versions, as on AWS.
    Published,
    /// Those of `$LATEST` as well.
    Latest,
}

impl Cloning {
    fn is_for(self, function: &Function) -> bool {
        function.settings.snap_start == SnapStart::PublishedVersions
            && match self {
                Self::Off => false,
                Self::Published => function.version != Version::Latest,
                Self::Latest => true,
            }
    }
}

/// All that are kept.
pub(crate) struct Templates {
    cloning: Cloning,
    bytes_max: u64,
    /// What templates and clones of templates take of them.
    taken: Aside,
    kept: Mutex<Register<Arc<Template>>>,
    turns: Turns,
}

/// One initialised program, which stands still.
pub(crate) struct Template {
    sandbox: Sandbox,
    lineage: Arc<Lineage>,
}

/// What a template and its clones have in common, until the last of them is gone.
#[derive(Debug)]
pub(crate) struct Lineage {
    /// Its memory, which they share.
    #[expect(dead_code, reason = "held to be dropped")]
    memory: Taken,
    /// Clones that have failed since one was ready.
    failures: AtomicU32,
    /// Whether any of these was the machine's fault.
    of_machine: AtomicBool,
}

impl Templates {
    /// In that much memory, in bytes, 0 is none at all; of which `taken` counts what they take.
    pub(crate) fn new(cloning: Cloning, bytes_max: u64, taken: Aside) -> Self {
        Self {
            cloning,
            bytes_max,
            taken,
            kept: Mutex::default(),
            turns: Turns::new(),
        }
    }

    /// The template of exactly this version; has one made if the version is current and there is none yet.
    pub(crate) fn of(
        host: &Arc<Host>,
        function: &Arc<Function>,
        is_current: impl FnOnce() -> bool,
    ) -> Option<Arc<Template>> {
        let templates = &host.templates;
        if !templates.are_for(function) {
            return None;
        }
        let mut kept = templates.lock();
        // Asked under the lock: whoever ends a version forgets its template after that.
        if !is_current() {
            return kept.find(function, |there| there.stands());
        }
        let found = kept.need(function, |there| there.stands());
        drop(kept);
        match found {
            Found::There(template) => return Some(template),
            Found::Lacking => {
                let making = make(Arc::clone(host), Arc::clone(function));
                host.filler.spawn(making);
            }
            Found::Neither => {}
        }
        None
    }

    /// Whether the version has a template, or will have one as soon as it is made.
    pub(crate) fn is_for(&self, function: &Function) -> bool {
        self.are_for(function) && !self.lock().is_unfit(function)
    }

    fn are_for(&self, function: &Function) -> bool {
        self.bytes_max > 0 && self.cloning.is_for(function)
    }

    /// Whether the template of this version is on its way.
    pub(crate) fn is_making(&self, function: &Function) -> bool {
        self.lock().is_making(function)
    }

    /// Forgets that of a version, or those of all of a function's.
    pub(crate) fn forget(&self, name: &FunctionName, version: Option<Version>) {
        self.lock().forget(name, version);
    }

    /// A clone could not be made, or ended before it was ready. If that happens again it is for good, unless any of it
    /// was the machine's fault: a template of such clones costs each environment more than it saves, and is given up.
    pub(crate) fn failed(
        host: &Host,
        function: &Arc<Function>,
        lineage: &Arc<Lineage>,
        unfit: Unfit,
    ) {
        if let Some(unfit) = lineage.failed(unfit)
            && host.templates.is_of(function, lineage)
        {
            let version = function.version;
            tracing::warn!(function = %function.name, %version, "environments are not cloned: clones of it fail");
            host.templates.keep(host, function, Err(unfit));
        }
    }

    /// Resolves when a version's is not wanted any more.
    async fn unwanted(&self, function: &Arc<Function>) {
        while self.lock().is_wanted(function) {
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_of(&self, function: &Function, lineage: &Arc<Lineage>) -> bool {
        let kept = self.lock();
        let there = kept.there(function);
        there.is_some_and(|template| Arc::ptr_eq(&template.lineage, lineage))
    }

    /// At the end of the server.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Keeps what was made, if anybody wants it still, and gives up the ones that were needed longest ago for it.
    fn keep(&self, host: &Host, function: &Arc<Function>, made: Result<Arc<Template>, Unfit>) {
        let mut kept = self.lock();
        kept.put(function, made);
        let is_over = || self.taken.bytes() > self.bytes_max;
        // Who clones it just now holds it.
        let frees = |there: &Arc<Template>| {
            Arc::strong_count(&there.lineage) == 1 && Arc::strong_count(there) == 1
        };
        kept.give_up_while(is_over, frees, function);
        drop(kept);
        host.reserve.make_way();
    }

    fn lock(&self) -> MutexGuard<'_, Register<Arc<Template>>> {
        // Whole at every moment, so a panic elsewhere does not spoil it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Template {
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) fn lineage(&self) -> &Arc<Lineage> {
        &self.lineage
    }

    /// The kernel may have killed it for want of memory.
    fn stands(&self) -> bool {
        self.sandbox.is_quiet()
    }
}

impl Lineage {
    fn new(memory: Taken) -> Self {
        Self {
            memory,
            failures: AtomicU32::new(0),
            of_machine: AtomicBool::new(false),
        }
    }

    /// A clone has failed, by that fault. As what its template is unfit, if too many have.
    fn failed(&self, unfit: Unfit) -> Option<Unfit> {
        let of_machine = &self.of_machine;
        let may_pass = of_machine.fetch_or(unfit == Unfit::ForNow, Ordering::Relaxed);
        let unfit = if may_pass { Unfit::ForNow } else { unfit };
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        (failures >= FAILURES_MAX).then_some(unfit)
    }

    /// A clone has asked for its first event.
    pub(crate) fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.of_machine.store(false, Ordering::Relaxed);
    }
}

async fn make(host: Arc<Host>, function: Arc<Function>) {
    let loading = host.templates.turns.run(load(&host, &function));
    let Some(loaded) = host.stop.run_until_cancelled(loading).await else {
        return;
    };
    let made = match loaded {
        Ok(template) => Ok(Arc::new(template)),
        Err(why) => {
            let Some(unfit) = why.unfit() else {
                return host.templates.lock().turn_away(&function);
            };
            let version = function.version;
            tracing::warn!(function = %function.name, %version, "environments are not cloned: {why}");
            Err(unfit)
        }
    };
    host.templates.keep(&host, &function, made);
}

/// As long as it is wanted.
async fn load(host: &Arc<Host>, function: &Arc<Function>) -> Result<Template, NotLoaded> {
    tokio::select! {
        biased;
        () = host.templates.unwanted(function) => Err(NotLoaded::Unwanted),
        loaded = loading::load(host, function) => loaded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Unfit::{ForGood, ForNow};

    #[test]
    fn a_template_is_given_up_when_two_clones_fail_and_none_is_ready_in_between() {
        let lineage = Lineage::new(Aside::default().take(0));
        for _ in 0..3 {
            assert_eq!(lineage.failed(ForGood), None);
            lineage.succeeded();
        }
        assert_eq!(lineage.failed(ForGood), None);
        assert_eq!(lineage.failed(ForGood), Some(ForGood));
    }

    #[test]
    fn where_the_machine_had_a_part_in_it_it_may_pass() {
        for (first, second) in [(ForNow, ForGood), (ForGood, ForNow)] {
            let lineage = Lineage::new(Aside::default().take(0));
            assert_eq!(lineage.failed(first), None);
            assert_eq!(lineage.failed(second), Some(ForNow), "{first:?} {second:?}");
        }
        let lineage = Lineage::new(Aside::default().take(0));
        lineage.failed(ForNow);
        lineage.succeeded();
        lineage.failed(ForGood);
        assert_eq!(lineage.failed(ForGood), Some(ForGood), "that is long ago");
    }
}
