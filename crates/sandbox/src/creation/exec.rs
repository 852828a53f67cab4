//! The new process becomes pid 1, and what that is told of its work.

use std::convert::Infallible;
use std::ffi::{CStr, CString};
use std::io;

use lambkin_init::descriptors::DOORS_MAX;

use crate::failure::{Failure, at};
use crate::linux::landlock;
use crate::weaken::{self, Layer};

use super::blueprint::{Blueprint, Job, Part};
use super::host::Host;
use super::slots::{INIT, Inherited};

pub(super) fn exec(
    host: &Host,
    blueprint: &Blueprint,
    inherited: &Inherited<'_>,
) -> Result<Infallible, Failure> {
    let arguments =
        arguments(host, blueprint, inherited).map_err(at("name the arguments of pid 1"))?;
    let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let environment = [std::ptr::null::<libc::c_char>()];
    let path: &CStr = c"";
    // SAFETY: every array ends with a null pointer, and all strings live until the call returns.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            INIT,
            path.as_ptr(),
            pointers.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Err(at("execute pid 1")(io::Error::last_os_error()))
}

fn arguments(
    host: &Host,
    blueprint: &Blueprint,
    inherited: &Inherited<'_>,
) -> io::Result<Vec<CString>> {
    let run = |words: &[&str], landlock: bool| {
        let first = ["lambkin-init", "run"].iter();
        let words = first.chain(inherited.input.map(|_| &"waits")).chain(words);
        let words = words.chain(landlock.then_some(&"landlock"));
        words.map(|word| (*word).to_owned()).collect()
    };
    let has_rules = landlock::version() > 0 && !weaken::is_off(Layer::Landlock);
    let doors = inherited.doors.max(inherited.entrances.len());
    let doors = doors.min(DOORS_MAX).to_string();
    let words = match &blueprint.job {
        Job::Run(Part::Alone) => run(&[], false),
        Job::Run(Part::Connected) => run(&["network"], host.landlock_has_network),
        Job::Run(Part::Above(_)) => run(&["template", &doors], has_rules),
        Job::Run(Part::Below(_)) => run(&["clone", &doors], has_rules),
        Job::Unpack {
            bytes_max,
            entries_max,
            ..
        } => vec![
            "lambkin-init".to_owned(),
            "unpack".to_owned(),
            bytes_max.to_string(),
            entries_max.to_string(),
        ],
    };
    words
        .into_iter()
        .map(|word| CString::new(word).map_err(io::Error::other))
        .collect()
}
