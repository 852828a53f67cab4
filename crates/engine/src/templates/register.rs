//! Which versions have a template, for which one is on its way, and which can have none, for good or for now.
//!
//! ```text
//! needed ──▶ Making ──▶ There ──▶ forgotten, when the version is or when memory is short
//!    ▲          └─────▶ Unfit for good: the code, its version is started as any other
//!    └── needed after a pause ── Unfit for now: the machine
//! ```
//! Refuses: what a template is.

use crate::failure::{Failure, KILLED};
use lambkin_model::{Function, FunctionName, Version};
use lambkin_sandbox::{Exit, is_the_machines};
use rustix::io::Errno;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// After the first time that the machine was at fault; doubled each time.
const PAUSE: Duration = Duration::from_secs(30);
/// The longest one.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// Whether what keeps a version from being cloned may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is the code's.
    ForGood,
    /// It is the machine's.
    ForNow,
}

impl Unfit {
    /// Of a clone that has ended so before it was ready.
    pub(crate) fn of_clone(failure: &Failure) -> Self {
        match failure {
            Failure::TimedOut(_)
            | Failure::OutOfMemory
            | Failure::Exited(None | Some(Exit::Signal(KILLED))) => Self::ForNow,
            _ => Self::ForGood,
        }
    }

    /// Of a program that could not be started, or held, by this error.
    pub(crate) fn of_error(errno: i32) -> Self {
        match is_the_machines(Errno::from_raw_os_error(errno)) {
            true => Self::ForNow,
            false => Self::ForGood,
        }
    }
}

/// What there is of a version.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    There(T),
    /// Nothing: whoever hears of it makes one, and counts as doing so.
    Lacking,
    /// One is on its way, or there can be none.
    Neither,
}

/// By function and version.
#[derive(Debug)]
pub(super) struct Register<T> {
    all: HashMap<(FunctionName, Version), Kept<T>>,
    /// Counts what is needed, so that the one that was needed longest ago is known.
    needs: u64,
}

#[derive(Debug)]
struct Kept<T> {
    function: Arc<Function>,
    state: State<T>,
    needed: u64,
    /// How often the machine was at fault.
    faults: u32,
}

#[derive(Debug)]
enum State<T> {
    Making,
    There(T),
    Unfit,
    UnfitUntil(Instant),
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self {
            all: HashMap::new(),
            needs: 0,
        }
    }
}

impl<T: Clone> Register<T> {
    /// A version needs one. What does not stand any more is as if it had never been.
    pub(super) fn need(
        &mut self,
        function: &Arc<Function>,
        stands: impl FnOnce(&T) -> bool,
    ) -> Found<T> {
        self.needs += 1;
        let needed = self.needs;
        let Some(kept) = self.get_mut(function) else {
            let kept = Kept {
                function: Arc::clone(function),
                state: State::Making,
                needed,
                faults: 0,
            };
            self.all.insert(key(function), kept);
            return Found::Lacking;
        };
        kept.needed = needed;
        match &kept.state {
            State::There(there) if stands(there) => return Found::There(there.clone()),
            State::Making | State::Unfit => return Found::Neither,
            State::UnfitUntil(until) if *until > Instant::now() => return Found::Neither,
            State::There(_) | State::UnfitUntil(_) => {}
        }
        kept.state = State::Making;
        Found::Lacking
    }

    /// What stands of exactly this version, for one that needs it no longer than it is there.
    pub(super) fn find(
        &self,
        function: &Arc<Function>,
        stands: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let there = self.there(function).filter(|_| self.is_wanted(function));
        there.filter(|there| stands(there)).cloned()
    }

    /// Keeps what was made, or notes that nothing was; nothing if nobody needs it any more.
    pub(super) fn put(&mut self, function: &Arc<Function>, made: Result<T, Unfit>) {
        if let Some(kept) = self.get_mut(function) {
            kept.state = match made {
                Ok(there) => State::There(there),
                Err(Unfit::ForGood) => State::Unfit,
                Err(Unfit::ForNow) => {
                    let pause = pause(kept.faults);
                    kept.faults += 1;
                    State::UnfitUntil(Instant::now() + pause)
                }
            };
        }
    }

    /// None is made this time; the next need asks again.
    pub(super) fn turn_away(&mut self, function: &Arc<Function>) {
        if self.is_wanted(function) && self.is_making(function) {
            self.all.remove(&key(function));
        }
    }

    /// That of exactly this version, if it is there.
    pub(super) fn there(&self, function: &Function) -> Option<&T> {
        match &self.all.get(&key(function))?.state {
            State::There(there) => Some(there),
            _ => None,
        }
    }

    pub(super) fn is_making(&self, function: &Function) -> bool {
        let kept = self.all.get(&key(function));
        matches!(kept.map(|kept| &kept.state), Some(State::Making))
    }

    /// Whether there can be none, for good or for now. Tags make no other version.
    pub(super) fn is_unfit(&self, function: &Function) -> bool {
        let kept = self.all.get(&key(function));
        kept.is_some_and(|kept| {
            kept.function.content_id == function.content_id
                && matches!(kept.state, State::Unfit | State::UnfitUntil(_))
        })
    }

    /// Whether one that was asked for still is.
    pub(super) fn is_wanted(&self, function: &Arc<Function>) -> bool {
        let kept = self.all.get(&key(function));
        kept.is_some_and(|kept| Arc::ptr_eq(&kept.function, function))
    }

    /// Forgets that of a version, or those of all of a function's.
    pub(super) fn forget(&mut self, name: &FunctionName, version: Option<Version>) {
        self.all.retain(|(of, number), _| {
            of != name || version.is_some_and(|version| version != *number)
        });
    }

    /// Gives up those that were needed longest ago, of those that free anything. If that is the one that was `made`
    /// just now, it has to wait: it would be made again and again.
    pub(super) fn give_up_while(
        &mut self,
        is_over: impl Fn() -> bool,
        frees: impl Fn(&T) -> bool,
        made: &Arc<Function>,
    ) {
        while is_over() {
            let free = self.all.iter();
            let free = free.filter(|(_, kept)| kept.there().is_some_and(&frees));
            let oldest = free.min_by_key(|(_, kept)| kept.needed);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            match oldest == key(made) && self.is_wanted(made) {
                true => self.put(made, Err(Unfit::ForNow)),
                false => drop(self.all.remove(&oldest)),
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    fn get_mut(&mut self, function: &Arc<Function>) -> Option<&mut Kept<T>> {
        let kept = self.all.get_mut(&key(function))?;
        Arc::ptr_eq(&kept.function, function).then_some(kept)
    }
}

impl<T> Kept<T> {
    fn there(&self) -> Option<&T> {
        match &self.state {
            State::There(there) => Some(there),
            State::Making | State::Unfit | State::UnfitUntil(_) => None,
        }
    }
}

fn key(function: &Function) -> (FunctionName, Version) {
    (function.name.clone(), function.version)
}

fn pause(faults: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(faults);
    PAUSE.saturating_mul(doubled).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn function(name: &str) -> Arc<Function> {
        Arc::new(crate::testing::function(name, BTreeMap::new()))
    }

    fn need(register: &mut Register<u32>, function: &Arc<Function>) -> Found<u32> {
        register.need(function, |there| *there != 0)
    }

    #[test]
    fn one_is_made_at_a_time_and_again_when_it_has_fallen() {
        let (mut register, f) = (Register::default(), function("f"));
        assert_eq!(need(&mut register, &f), Found::Lacking);
        assert_eq!(need(&mut register, &f), Found::Neither);
        assert!(register.is_making(&f) && register.is_wanted(&f));
        register.put(&f, Ok(7));
        assert_eq!(need(&mut register, &f), Found::There(7));
        register.put(&f, Ok(0));
        assert_eq!(need(&mut register, &f), Found::Lacking);
    }

    #[test]
    fn what_was_made_of_something_else_is_not_kept() {
        let (mut register, before, now) = (Register::default(), function("f"), function("f"));
        need(&mut register, &before);
        assert_eq!(need(&mut register, &now), Found::Lacking);
        assert!(!register.is_wanted(&before));
        register.put(&before, Ok(1));
        assert_eq!(need(&mut register, &now), Found::Neither);
        register.put(&now, Ok(2));
        assert_eq!(need(&mut register, &now), Found::There(2));
        register.forget(&now.name, Some(Version::Published(1)));
        assert!(register.is_wanted(&now));
        register.forget(&now.name, None);
        register.put(&now, Ok(3));
        assert_eq!(need(&mut register, &now), Found::Lacking);
    }

    #[test]
    fn who_is_turned_away_is_asked_for_again_at_the_next_need() {
        let (mut register, before, now) = (Register::default(), function("f"), function("f"));
        need(&mut register, &now);
        register.turn_away(&before);
        assert!(register.is_making(&now), "another was");
        register.turn_away(&now);
        assert!(!register.is_making(&now) && !register.is_unfit(&now));
        assert_eq!(need(&mut register, &now), Found::Lacking);
        register.put(&now, Ok(2));
        register.turn_away(&now);
        assert_eq!(need(&mut register, &now), Found::There(2));
    }

    #[test]
    fn who_is_late_finds_what_is_there_and_changes_nothing() {
        let (mut register, before, now) = (Register::default(), function("f"), function("f"));
        let stands = |there: &u32| *there != 0;
        assert_eq!(register.find(&before, stands), None);
        assert!(!register.is_wanted(&before), "forgotten");
        need(&mut register, &now);
        register.put(&now, Ok(2));
        assert_eq!(register.find(&before, stands), None);
        assert_eq!(register.find(&now, stands), Some(2));
        register.put(&now, Ok(0));
        assert_eq!(register.find(&now, stands), None);
        assert!(register.is_wanted(&now) && !register.is_making(&now));
    }

    #[tokio::test(start_paused = true)]
    async fn the_machine_is_tried_again_after_longer_and_longer_pauses_and_code_is_not() {
        let (mut register, f) = (Register::default(), function("f"));
        need(&mut register, &f);
        for seconds in [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600] {
            register.put(&f, Err(Unfit::ForNow));
            tokio::time::advance(Duration::from_secs(seconds - 1)).await;
            assert_eq!(need(&mut register, &f), Found::Neither, "{seconds}");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert_eq!(need(&mut register, &f), Found::Lacking, "{seconds}");
        }
        assert!(!register.is_unfit(&f));
        register.put(&f, Err(Unfit::ForGood));
        assert!(register.is_unfit(&f));
        tokio::time::advance(Duration::from_secs(1 << 30)).await;
        assert_eq!(need(&mut register, &f), Found::Neither);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }

    #[test]
    fn what_is_killed_slow_or_without_room_is_the_machines() {
        let killed = Failure::Exited(Some(Exit::Signal(KILLED)));
        let slow = Failure::TimedOut(Duration::from_secs(10));
        for failure in [killed, slow, Failure::OutOfMemory, Failure::Exited(None)] {
            assert_eq!(Unfit::of_clone(&failure), Unfit::ForNow, "{failure:?}");
        }
        for exit in [Exit::Code(1), Exit::Signal(11)] {
            let failure = Failure::Exited(Some(exit));
            assert_eq!(Unfit::of_clone(&failure), Unfit::ForGood, "{exit:?}");
        }
        let of = |error: Errno| Unfit::of_error(error.raw_os_error());
        assert_eq!(of(Errno::NOMEM), Unfit::ForNow);
        assert_eq!(of(Errno::NOENT), Unfit::ForGood);
    }

    #[test]
    fn those_that_were_needed_longest_ago_go_first_and_what_was_just_made_waits() {
        let mut register = Register::default();
        let all = ["a", "b", "c", "d"].map(function);
        for (number, function) in (1..).zip(&all) {
            need(&mut register, function);
            register.put(function, Ok(number));
        }
        need(&mut register, &all[0]);
        let [a, b, c, d] = &all;
        let there =
            |register: &Register<u32>| all.each_ref().map(|one| register.there(one).is_some());
        let give_up = |register: &mut Register<u32>, count: usize, made| {
            let rounds = std::cell::Cell::new(0);
            let is_over = || rounds.replace(rounds.get() + 1) < count;
            register.give_up_while(is_over, |number| *number != 2, made);
        };
        give_up(&mut register, 1, a);
        assert_eq!(
            there(&register),
            [true, true, false, true],
            "b frees nothing"
        );
        give_up(&mut register, 1, d);
        assert_eq!(there(&register), [true, true, false, false]);
        assert_eq!(need(&mut register, d), Found::Neither, "it was just made");
        assert_eq!(need(&mut register, c), Found::Lacking);
        give_up(&mut register, 9, b);
        assert_eq!(there(&register), [false, true, false, false]);
    }
}
