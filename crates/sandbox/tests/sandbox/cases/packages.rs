//! Packages: hostile ones are refused, and memory is given back.

use lambkin_sandbox::{Rejection, UnpackError, UnpackLimits};

use crate::place::{self, LIMITS};

pub(super) fn hostile_ones_are_refused() {
    place::with(|place| async move {
        let big = vec![0; 4 << 20];
        let small = UnpackLimits {
            bytes_max: 1 << 20,
            ..LIMITS
        };
        let few = UnpackLimits {
            entries_max: 1,
            ..LIMITS
        };
        let many: Vec<String> = (0..70_000).map(|number| number.to_string()).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|name| (&**name, &b""[..])).collect();
        let cases: [(Vec<u8>, UnpackLimits, Rejection); 7] = [
            (place::zip(&many), LIMITS, Rejection::TooManyEntries),
            (
                place::zip(&[("a", b"1"), ("a/b", b"2")]),
                LIMITS,
                Rejection::BadPath,
            ),
            (
                place::zip(&[("a/b", b"1"), ("a", b"2")]),
                LIMITS,
                Rejection::BadPath,
            ),
            (b"no zip at all".to_vec(), LIMITS, Rejection::NotAZip),
            (
                place::zip(&[("../../escape", b"x")]),
                LIMITS,
                Rejection::BadPath,
            ),
            (place::zip(&[("big", &big)]), small, Rejection::TooLarge),
            (
                place::zip(&[("a", b"1"), ("b", b"2")]),
                few,
                Rejection::TooManyEntries,
            ),
        ];
        for (package, limits, expected) in cases {
            match place.spawner.unpack(&package, limits).await {
                Err(UnpackError::Rejected(why)) => assert_eq!(why, expected),
                Err(other) => panic!("{expected:?}: {other}"),
                Ok(_) => panic!("{expected:?}: accepted"),
            }
        }
        assert!(place.traces().processes.is_empty(), "{:?}", place.traces());
        assert_eq!(
            trees_of(&place),
            1,
            "the package of the case, and none of the refused"
        );
        assert_eq!(
            place.sandbox().await.sh("cat /var/task/hello.txt").await,
            "hi"
        );
    });
}

/// Packages in memory, by the mounts of the spawner.
fn trees_of(place: &place::Place) -> usize {
    let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", place.pid));
    let mounts = mounts.expect("the spawner's mounts");
    mounts.matches("/sandbox/code/").count()
}

pub(super) fn freed_while_in_use() {
    place::with(|place| async move {
        let package = place::zip(&[("bin/tool", b"#!/bin/sh\necho tool\n")]);
        let code = place
            .spawner
            .unpack(&package, LIMITS)
            .await
            .expect("a tree");
        assert!(code.bytes() >= 19, "{}", code.bytes());
        let spec = lambkin_sandbox::Spec {
            code: Some(code),
            ..place.spec()
        };
        let mut inside = place.sandbox_of(spec).await;
        // The spec and with it the last hold on the tree are gone by now.
        place.sandbox().await.sh("true").await;
        assert_eq!(inside.sh("bin/tool").await, "tool");
    });
}
