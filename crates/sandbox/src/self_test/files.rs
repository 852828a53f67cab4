//! Files: the machine's, the server's open ones, the kernel's, and the writing of any but a sandbox's own.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::path::Path;

use super::{Aims, Found, SECRET};

/// As many as a sandbox may have.
const DESCRIPTORS: i32 = 1_024;

/// Comes first, while this program has opened nothing itself.
pub(super) fn descriptors(_: &Aims) -> Found {
    let open: Vec<String> = (3..DESCRIPTORS)
        .filter_map(|number| {
            let target = fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
            Some(format!("{number} is {}", target.display()))
        })
        .collect();
    let of_pid_1 = fs::read_dir("/proc/1/fd").map(Iterator::count);
    match (open.is_empty(), of_pid_1) {
        (true, Err(_)) => Ok("none is open, and pid 1's are closed to it".into()),
        (false, _) => Err(format!("open: {}", open.join(", "))),
        (_, Ok(count)) => Err(format!("{count} of pid 1's are to be seen")),
    }
}

pub(super) fn of_the_machine(aims: &Aims) -> Found {
    let relative = aims.file.strip_prefix("/").unwrap_or(&aims.file);
    let up = Path::new("../../../../../../../..");
    let ways = [
        aims.file.clone(),
        Path::new("/proc/1/root").join(relative),
        Path::new("/proc/1/cwd").join(up).join(relative),
        Path::new("/proc/self/root").join(up).join(relative),
        Path::new("/dev/fd/0").join(up).join(relative),
    ];
    for way in &ways {
        if fs::read_to_string(way).is_ok_and(|text| text.contains(SECRET)) {
            return Err(format!("read by {}", way.display()));
        }
    }
    Ok(format!(
        "{} is not there by any of {} ways",
        aims.file.display(),
        ways.len()
    ))
}

pub(super) fn writes(_: &Aims) -> Found {
    const FOLDERS: [&str; 11] = [
        "/",
        "/usr",
        "/usr/bin",
        "/etc",
        "/dev",
        "/opt",
        "/var",
        "/var/task",
        "/var/runtime",
        "/proc/sys/kernel",
        "/sys",
    ];
    const FILES: [&str; 5] = [
        "/etc/passwd",
        "/usr/bin/env",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/vm/drop_caches",
        "/proc/sysrq-trigger",
    ];
    let made = FOLDERS.iter().filter(|folder| {
        let path = Path::new(folder).join("lambkin-self-test");
        let made = File::create(&path).is_ok();
        if made {
            // Nothing stays of what should not have been possible.
            let _ = fs::remove_file(&path);
        }
        made
    });
    let opened = FILES
        .iter()
        .filter(|file| OpenOptions::new().write(true).open(file).is_ok());
    none_of(
        made.chain(opened),
        "nothing outside of /tmp and /dev/shm can be written",
        "written",
    )
}

pub(super) fn of_the_kernel(_: &Aims) -> Found {
    const FILES: [&str; 12] = [
        "/proc/kcore",
        "/proc/kmsg",
        "/proc/keys",
        "/proc/timer_list",
        "/proc/kpagecount",
        "/proc/vmallocinfo",
        "/proc/slabinfo",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/kvm",
        "/sys/kernel/mm",
        "/sys/fs/cgroup/cgroup.procs",
    ];
    let readable = |path: &&&str| {
        File::open(path)
            .and_then(|mut file| file.read(&mut [0]))
            .is_ok_and(|n| n > 0)
    };
    none_of(
        FILES.iter().filter(readable),
        "masked, unreadable or not there",
        "read",
    )
}

fn none_of<'a>(found: impl Iterator<Item = &'a &'a str>, good: &str, bad: &str) -> Found {
    let found: Vec<&str> = found.copied().collect();
    match found.is_empty() {
        true => Ok(good.to_owned()),
        false => Err(format!("{bad}: {}", found.join(", "))),
    }
}
