//! A server that has no descriptor left.

use std::fs::File;
use std::time::Duration;

use lambkin_sandbox::Error;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::outside::wait;
use crate::place;

/// Enough for all that a server of one sandbox has open.
const DESCRIPTORS: u64 = 128;
/// A sandbox comes with three at least.
const TOO_FEW: usize = 2;

pub(super) fn a_full_server_loses_sandboxes_and_no_spawner() {
    place::with(|place| async move {
        // Of this process, not of the spawner that is there already.
        let limit = Rlimit {
            current: Some(DESCRIPTORS),
            ..getrlimit(Resource::Nofile)
        };
        setrlimit(Resource::Nofile, limit).expect("a limit");
        let mut taken = take_all();
        for free in 0..=TOO_FEW {
            let refused = place.spawner.create(&place.spec()).await.err();
            let Some(Error::Creation { step, source }) = refused else {
                panic!("with {free} free: {refused:?}");
            };
            let errno = Errno::from_io_error(&source);
            assert_eq!(errno, Some(Errno::MFILE), "with {free} free: {step}");
            assert!(step.contains("limit of open files"), "{step}");
            taken.pop();
        }
        drop(taken);
        wait(Duration::from_secs(5), "nothing is left", || {
            place.traces().processes.is_empty()
        });
        place.sandbox().await.sh("true").await;
    });
}

fn take_all() -> Vec<File> {
    let one = File::open("/dev/null").expect("a file");
    let more = std::iter::from_fn(|| one.try_clone().ok());
    let mut all: Vec<_> = more.collect();
    all.push(one);
    all
}
