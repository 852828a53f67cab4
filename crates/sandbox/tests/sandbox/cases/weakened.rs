//! The same attacks with one layer switched off: what names another layer too is still stopped, what has that one
//! alone arrives.
//!
//! So the attacks are real, the table tells the truth, and where it says that there is a second layer there is one.
#![allow(unsafe_code)]

use super::suite::{self, Verdict};
use crate::attack::{GROUPS, Layer};
use crate::mode::Mode;

pub(super) fn without_the_filter() {
    without("seccomp", Layer::Seccomp);
}

pub(super) fn without_landlock() {
    without("landlock", Layer::Landlock);
}

/// A name space of users is not left out where nothing else gives the right to make the others.
pub(super) fn without_the_user_space() {
    if Mode::own() == Mode::Root {
        without("userns", Layer::UserSpace);
    }
}

fn without(name: &str, layer: Layer) {
    // SAFETY: this process has one thread yet.
    unsafe { std::env::set_var("LAMBKIN_WEAKEN", name) };
    let (verdicts, changes) = suite::carry_out(GROUPS);
    let (alone, held): (Vec<_>, Vec<_>) = verdicts
        .iter()
        .partition(|verdict| verdict.attack.stopped_by == [layer]);
    let missed = alone.iter().filter(|verdict| verdict.result.is_ok());
    let missed: Vec<_> = missed.map(|verdict| verdict.attack.name).collect();
    let arrived = alone.len() - missed.len();
    println!(
        "  without {name}: {arrived} of {} attacks arrive that it alone stops, but {missed:?}",
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
