//! With fewer rights than root.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use lambkin_sandbox::{SpawnerProcess, drop_privileges, is_root};

use crate::place;

const NOBODY: u32 = 65_534;

pub(super) fn a_server_without_rights() {
    assert!(is_root());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine"), "x").expect("a file");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).expect("mode");
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("owner");
    let process = SpawnerProcess::start(&place::config(&folder)).expect("a spawner");
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
        inside.sandbox.destroy().await;
    });
}

/// Runs the next case as an ordinary user.
pub(super) fn without_root() {
    let user = NOBODY.to_string();
    let status = Command::new("setpriv")
        .args(["--reuid", &user, "--regid", &user, "--clear-groups", "--"])
        .arg(std::env::current_exe().expect("this program"))
        .args(["__case", "rootless"])
        .status();
    assert!(status.expect("setpriv").success());
}

pub(super) fn rootless() {
    assert!(!is_root());
    place::with(|place| async move {
        let named = |word: &str| {
            place
                .missing
                .iter()
                .any(|missing| missing.what.contains(word))
        };
        assert!(named("/tmp"), "{:?}", place.missing);
        assert!(named("not limited"), "{:?}", place.missing);
        assert!(named("one user"), "{:?}", place.missing);
        let mut inside = place.sandbox().await;
        assert_eq!(
            inside.sh("id -u; id -g; cat hello.txt").await,
            "993\n990\nhi"
        );
        assert_eq!(
            inside
                .sh("echo x > /tmp/x; cat /tmp/x; echo > /dev/null")
                .await,
            "x"
        );
        let (_, text) = inside.run("head -c 600M /dev/zero > /tmp/y").await;
        assert!(text.contains("No space left"), "{text}");
        inside.sandbox.destroy().await;
    });
}
