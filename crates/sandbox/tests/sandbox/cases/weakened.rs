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

/// Nobody makes a program's calls with addresses for it: Landlock lets it make none of TCP itself.
pub(super) fn without_the_calls() {
    try_tcp("calls", "EACCES EACCES 0");
}

/// Without both, nothing but its network name space keeps it in.
pub(super) fn without_the_calls_and_landlock() {
    try_tcp("calls,landlock", "ECONNREFUSED 0 0");
}

fn try_tcp(off: &str, expected: &'static str) {
    // SAFETY: this process has one thread yet.
    unsafe { std::env::set_var("LAMBKIN_WEAKEN", off) };
    crate::place::with(|place| async move {
        let mut inside = place.sandbox().await.shared();
        let program = r"
def told(call, *address):
    try: return call(*address) or 0
    except OSError as e: return errno.errorcode[e.errno]
def connect(address): n = socket.socket().connect_ex(address); return errno.errorcode.get(n, n)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print(connect(('127.0.0.1', 1)), told(socket.socket().bind, ('127.0.0.1', 0)), told(udp.connect, ('127.0.0.1', 1)))";
        let told = super::network::python(&mut inside, &[], program).await;
        match place.spawner.isolation().landlock {
            // Landlock knows no network before version 4.
            0..4 => assert_eq!(told, "ECONNREFUSED 0 0"),
            _ => assert_eq!(told, expected),
        }
    });
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
