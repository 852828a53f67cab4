//! What a program inside sees, can write, and holds.

use std::collections::BTreeSet;

use lambkin_sandbox::Exit;

use crate::place;

/// Places of the machine: nothing is there, or nothing is in them.
const HIDDEN: [&str; 25] = [
    "/root",
    "/home",
    "/work",
    "/sys/kernel",
    "/sys/fs/cgroup",
    "/run",
    "/boot",
    "/proc/kcore",
    "/proc/keys",
    "/proc/key-users",
    "/proc/cmdline",
    "/proc/diskstats",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/partitions",
    "/proc/timer_list",
    "/proc/acpi",
    "/proc/fs",
    "/usr/local/bin",
    "/var/log",
    "/etc/shadow",
    "/dev/vda",
    "/dev/kmsg",
    "/usr/lib/python3/dist-packages",
    "/usr/lib/node_modules",
];

pub(super) fn only_what_is_meant_to_be_seen() {
    const ROOT: [&str; 14] = [
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "opt",
        "proc",
        "sbin",
        "tmp",
        "usr",
        "var",
        "lambda-entrypoint.sh",
    ];
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        let root = inside.sh("ls -A /").await;
        assert!(root.lines().all(|name| ROOT.contains(&name)), "{root}");
        for hidden in HIDDEN {
            let look = format!("head -c1 {hidden} 2>/dev/null; ls -A {hidden}/ 2>/dev/null; true");
            assert_eq!(inside.sh(&look).await, "", "{hidden}");
        }
        let mounts = inside.sh("cat /proc/self/mountinfo").await;
        let folder = place.folder.path().to_string_lossy().into_owned();
        assert!(!mounts.contains(&folder), "{mounts}");
        assert_eq!(
            inside.sh("hostname; cat /etc/hostname").await,
            "localhost\nlocalhost"
        );
        assert_eq!(
            inside.sh("id -u; id -g; id -un").await,
            "993\n990\nsbx_user1051"
        );
        assert_eq!(
            inside
                .sh("tail -n +3 /proc/net/dev | cut -d: -f1")
                .await
                .trim(),
            "lo"
        );
        let groups = inside.sh("cut -d: -f3 /proc/self/cgroup | sort -u").await;
        assert_eq!(groups, "/");
        let processes = inside.sh("ls /proc | grep -c '^[0-9]'").await;
        assert!(
            processes.parse::<u32>().is_ok_and(|count| count < 8),
            "{processes}"
        );
    });
}

pub(super) fn only_tmp_and_shm_can_be_written() {
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        for path in [
            "/x",
            "/var/x",
            "/var/task/x",
            "/var/task/hello.txt",
            "/usr/x",
            "/etc/x",
            "/opt/x",
            "/dev/x",
            "/proc/sys/kernel/core_pattern",
            "/proc/sysrq-trigger",
            "/proc/sys/user/max_user_namespaces",
        ] {
            let (exit, text) = inside.run(&format!("echo x > {path}")).await;
            assert_ne!(exit, Exit::Code(0), "{path}: {text}");
        }
        inside
            .sh("echo secret > /tmp/s; echo secret > /dev/shm/s; echo > /dev/null")
            .await;
        let mut other = place.sandbox().await;
        assert_eq!(other.sh("ls -A /tmp /dev/shm").await, "/dev/shm:\n\n/tmp:");
        assert_eq!(inside.sh("cat /tmp/s /dev/shm/s").await, "secret\nsecret");
    });
}

pub(super) fn nothing_is_held_that_gives_power() {
    place::with(|place| async move {
        let mut inside = place.sandbox().await;
        let status = inside.sh("cat /proc/self/status").await;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.strip_prefix(':'))
                .map(str::trim)
                .unwrap_or_default()
        };
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(field(set).trim_matches('0'), "", "{set}: {}", field(set));
        }
        let ignored = u64::from_str_radix(field("SigIgn"), 16).expect("a mask");
        assert_eq!(
            ignored & 0x7fff_ffff,
            0,
            "beyond the C library's own: {ignored:x}"
        );
        assert_eq!((field("NoNewPrivs"), field("Seccomp")), ("1", "2"));
        // Without root a user keeps its own group, and no other.
        let groups: BTreeSet<_> = field("Groups").split_whitespace().collect();
        assert!(groups.iter().all(|group| *group == "990"), "{groups:?}");
        let open: BTreeSet<_> = inside
            .sh("ls /proc/$$/fd")
            .await
            .lines()
            .map(str::to_owned)
            .collect();
        assert_eq!(open, ["0", "1", "2"].map(str::to_owned).into());
        for secret in ["environ", "maps", "mem", "exe", "root/"] {
            let (exit, text) = inside.run(&format!("head -c1 /proc/1/{secret}")).await;
            assert_ne!(exit, Exit::Code(0), "{secret}: {text}");
        }
        for refused in [
            "unshare -U true",
            "unshare -n true",
            "mount -t tmpfs x /tmp",
        ] {
            assert_ne!(inside.run(refused).await.0, Exit::Code(0), "{refused}");
        }
        assert_eq!(
            inside.sh("cat /proc/sys/user/max_user_namespaces").await,
            "0"
        );
    });
}
