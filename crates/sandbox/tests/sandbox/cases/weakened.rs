//! The same attacks with one layer switched off, or three: what names another layer too is still stopped, what has
//! no other arrives.
//!
//! So the attacks are real, the table tells the truth, and where it says that there is a second layer there is one.
#![allow(unsafe_code)]

use super::suite::{self, Verdict};
use crate::attack::{GROUPS, Layer};
use crate::mode::Mode;

pub(super) fn without_the_filter() {
    without("seccomp", &[Layer::Seccomp]);
}

pub(super) fn without_landlock() {
    without("landlock", &[Layer::Landlock]);
}

/// A name space of users is not left out where nothing else gives the right to make the others.
pub(super) fn without_the_user_space() {
    if Mode::own() == Mode::Root {
        without("userns", &[Layer::UserSpace]);
    }
}

/// What is left are mounts, rights, name spaces of other kinds, limits and control groups.
pub(super) fn without_all_of_them() {
    let all = [Layer::Seccomp, Layer::Landlock, Layer::UserSpace];
    if Mode::own() == Mode::Root {
        without("seccomp,landlock,userns", &all);
    } else {
        without("seccomp,landlock", &all[..2]);
    }
}

fn without(name: &str, off: &[Layer]) {
    // SAFETY: this process has one thread yet.
    unsafe { std::env::set_var("LAMBKIN_WEAKEN", name) };
    let (verdicts, changes) = suite::carry_out(GROUPS);
    let (alone, held): (Vec<_>, Vec<_>) = verdicts
        .iter()
        .partition(|verdict| are_off(off, verdict.attack.stopped_by));
    let missed = alone.iter().filter(|verdict| verdict.result.is_ok());
    let missed: Vec<_> = missed.map(|verdict| verdict.attack.name).collect();
    let arrived = alone.len() - missed.len();
    println!(
        "  without {name}: {arrived} of {} attacks arrive that nothing else stops, but {missed:?}",
        alone.len()
    );
    for Verdict { attack, result } in held.iter().filter(|verdict| verdict.result.is_err()) {
        println!(
            "  {} REACHES {}, past {:?}: {result:?}",
            attack.name, attack.aims_at, attack.stopped_by
        );
    }
    assert!(held.iter().all(|verdict| verdict.result.is_ok()));
    // Not all of them: a kernel may lack what some aim at.
    assert!(
        arrived > 0 && arrived * 2 >= alone.len(),
        "{arrived} of {}",
        alone.len()
    );
    assert!(changes.is_empty(), "changed outside: {changes:#?}");
}

/// Whether none of these layers is left.
fn are_off(off: &[Layer], layers: &[Layer]) -> bool {
    let has_users = Mode::own() == Mode::Root;
    let mut left = layers
        .iter()
        .filter(|layer| **layer != Layer::OwnUser || has_users);
    left.all(|layer| off.contains(layer))
}
