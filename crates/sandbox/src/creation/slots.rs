//! The numbers of the new process's descriptors: what it sets itself up with, and what pid 1 finds.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use lambkin_init::descriptors::{DOORS, INPUT, RULES, SETTLED};

use crate::linux::descriptors;

use super::blueprint::{Blueprint, Job, Part};
use super::host::Host;

/// What the spawner opened for one new process.
pub(super) struct Inherited<'a> {
    pub(super) input: Option<BorrowedFd<'a>>,
    pub(super) output: BorrowedFd<'a>,
    pub(super) control: BorrowedFd<'a>,
    pub(super) setup: BorrowedFd<'a>,
    pub(super) entrances: Vec<File>,
    /// How many of them a sandbox below this one will have.
    pub(super) doors: usize,
}

/// Numbers of the descriptors in the new process. Those below `INIT` are for pid 1 to keep: its input is the
/// control socket, its output the package or the log pipe, and the rest is told in `lambkin_init::descriptors`.
pub(super) const INIT: usize = 13;
pub(super) const SETUP: usize = 14;
pub(super) const ROOT: usize = 15;
pub(super) const TASK: usize = 16;
pub(super) const COMPILED: usize = 17;
pub(super) const TMP: usize = 18;
pub(super) const SPAWNER: usize = 19;
pub(super) const TUNNELS: usize = 20;
/// For those on the way into another sandbox only.
pub(super) const ABOVE: usize = 21;
pub(super) const TOLD: usize = 22;

pub(super) fn slot(number: usize) -> BorrowedFd<'static> {
    // SAFETY: only called after `arrange` put a descriptor there, and only `exec` closes it.
    unsafe { BorrowedFd::borrow_raw(number as i32) }
}

/// Closes all that the new process does not need.
pub(super) fn arrange(
    host: &Host,
    blueprint: &Blueprint,
    inherited: &Inherited<'_>,
    way: [Option<BorrowedFd<'_>>; 2],
) -> io::Result<()> {
    let output = match &blueprint.job {
        Job::Run(_) => inherited.output,
        Job::Unpack { package, .. } => package.as_fd(),
    };
    let kept = kept(host, blueprint, inherited);
    let [filter, third, fourth, rules, a, b, c, d, e, input] = kept;
    let [above, told] = way;
    let code = blueprint.code.as_ref();
    let slots = [
        Some(inherited.control),
        Some(output),
        Some(inherited.output),
        filter,
        third,
        fourth,
        rules,
        a,
        b,
        c,
        d,
        e,
        input,
        Some(host.init.as_fd()),
        Some(inherited.setup),
        Some(blueprint.root.as_fd()),
        code.map(|code| code.task.as_fd()),
        code.and_then(|code| code.compiled.as_ref())
            .map(AsFd::as_fd),
        blueprint.tmp.as_ref().map(AsFd::as_fd),
        Some(host.spawner.as_fd()),
        host.tunnels.as_ref().map(AsFd::as_fd),
        above,
        told,
    ];
    descriptors::arrange(&slots, INIT)
}

/// What pid 1 finds from `FILTER` on, as told in `lambkin_init::descriptors`.
fn kept<'a>(
    host: &'a Host,
    blueprint: &'a Blueprint,
    inherited: &'a Inherited<'a>,
) -> [Option<BorrowedFd<'a>>; INIT - 3] {
    let job = &blueprint.job;
    let mut kept = [None; INIT - 3];
    kept[INPUT as usize - 3] = inherited.input;
    // Holds the places of what is made later.
    let place = Some(inherited.output);
    match job {
        Job::Unpack { .. } | Job::Run(Part::Alone) => return kept,
        Job::Run(Part::Connected | Part::Below(_)) => [kept[1], kept[2]] = [place; 2],
        Job::Run(Part::Above(settled)) => {
            kept[1] = Some(host.filters.templates.as_fd());
            kept[SETTLED as usize - 3] = Some(settled.as_fd());
        }
    }
    kept[0] = Some(host.filters.programs.as_fd());
    if job.above().is_some() {
        let (rules, doors, input) = (RULES as usize, DOORS as usize, INPUT as usize);
        [kept[rules - 3], kept[input - 3]] = [place; 2];
        for (slot, door) in kept[doors - 3..].iter_mut().zip(&inherited.entrances) {
            *slot = Some(door.as_fd());
        }
    }
    kept
}
