//! With fewer rights than root.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use lambkin_sandbox::{SpawnerProcess, drop_privileges, is_root};

use crate::mode::Mode;
use crate::place;

const NOBODY: u32 = 65_534;

pub(super) fn a_server_without_rights() {
    assert!(is_root());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine"), "x").expect("a file");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("mode");
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("owner");
    let config = lambkin_sandbox::SpawnerConfig {
        server: Some((NOBODY, NOBODY)),
        ..place::config(&folder)
    };
    let process = SpawnerProcess::start(&config).expect("a spawner");
    let seen = drop_privileges(NOBODY, NOBODY, folder.path()).expect("fewer rights");
    assert!(!is_root());
    assert!(seen.join("mine").exists());
    std::fs::write(seen.join("new"), "y").expect("its own folder can be written");
    assert_eq!(
        std::fs::metadata(seen.join("new")).expect("a file").uid(),
        NOBODY
    );
    assert!(std::fs::read("/etc/shadow").is_err());
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("status");
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        let value = status
            .lines()
            .find_map(|line| line.strip_prefix(set))
            .expect("a set");
        assert_eq!(
            value.trim_start_matches(':').trim().trim_matches('0'),
            "",
            "{set}"
        );
    }
    assert!(status.contains("NoNewPrivs:\t1"));
    place::serve(process, folder, |place| async move {
        let mut inside = place.sandbox().await;
        assert_eq!(inside.sh("id -u; cat hello.txt").await, "993\nhi");
        assert!(inside.sandbox.usage().expect("usage").memory_peak_bytes > 0);
        inside.sandbox.set_cpu_limit(Some(500)).expect("a quota");
        let freezer = inside.sandbox.freezer().expect("a freezer");
        freezer.freeze().expect("a frozen sandbox");
        freezer.thaw().expect("a thawed one");
        inside.sandbox.destroy().await;
    });
}

/// Nothing is weaker in silence, and nothing is called missing that is there.
pub(super) fn what_is_missing_is_named() {
    const TMP: &str = "/tmp is charged to the function's memory";
    const USER: &str = "all functions run as one user";
    const GROUPS: &str = "memory and CPU of functions are not limited";
    place::with(|place| async move {
        let expected: &[&str] = match Mode::own() {
            Mode::Root => &[],
            Mode::Delegated => &[USER, TMP],
            Mode::User => &[GROUPS, USER, TMP],
        };
        let named: Vec<_> = place.missing.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(named.len(), expected.len(), "{named:?}");
        for (named, expected) in named.iter().zip(expected) {
            assert!(named.starts_with(expected), "{named}");
        }
        for missing in &place.missing {
            assert!(!missing.remedy.is_empty() && !missing.fatal, "{missing:?}");
        }
        let mut inside = place.sandbox().await;
        let seen = inside.sh("id -u; id -g; cat hello.txt").await;
        assert_eq!(seen, "993\n990\nhi");
        let usage = inside.sandbox.usage().expect("usage");
        let measured = usage.memory_peak_bytes > 0 && usage.cpu_us > 0;
        assert_eq!(measured, place.has_groups(), "{usage:?}");
        inside.sandbox.destroy().await;
    });
}
