//! The kernel: its version, its filter for system calls, its name spaces and who may make them.

use std::fs;

use super::finding::Finding;

const SUBJECT: &str = "kernel";
/// The first with all calls that making a sandbox uses.
const OLDEST: (u32, u32) = (5, 15);
const NAME_SPACES: [(&str, &str); 7] = [
    ("user", "user"),
    ("mnt", "mnt"),
    ("pid", "pid"),
    ("net", "net"),
    ("ipc", "ipc"),
    ("uts", "uts"),
    ("cgroup", "cgroup"),
];
const APPARMOR: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

pub(super) fn check() -> Vec<Finding> {
    let mut findings = vec![version(), filter(), name_spaces()];
    if !lambkin_sandbox::is_root() {
        findings.push(unprivileged());
    }
    findings
}

fn version() -> Finding {
    let release = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let found = format!("Linux {release}");
    match (major, minor) >= OLDEST {
        true => Finding::good(SUBJECT, found),
        false => Finding::failed(
            SUBJECT,
            found,
            format!("use Linux {}.{} or newer", OLDEST.0, OLDEST.1),
        ),
    }
}

fn filter() -> Finding {
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    let has = |wanted: &str| actions.split_whitespace().any(|action| action == wanted);
    match has("kill_process") && has("errno") {
        true => Finding::good(SUBJECT, "system calls can be filtered"),
        false => Finding::failed(
            SUBJECT,
            "system calls cannot be filtered",
            "use a kernel with CONFIG_SECCOMP_FILTER",
        ),
    }
}

fn name_spaces() -> Finding {
    let allowed = |limit: &str| {
        let path = format!("/proc/sys/user/max_{limit}_namespaces");
        fs::read_to_string(path)
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok())
            .unwrap_or(0)
            > 0
    };
    let lacking: Vec<&str> = NAME_SPACES
        .iter()
        .filter(|(file, limit)| {
            !fs::exists(format!("/proc/self/ns/{file}")).unwrap_or(false) || !allowed(limit)
        })
        .map(|(file, _)| *file)
        .collect();
    match lacking.as_slice() {
        [] => Finding::good(SUBJECT, "all seven name spaces are there"),
        lacking => Finding::failed(
            SUBJECT,
            format!(
                "name spaces are missing or limited to none: {}",
                lacking.join(", ")
            ),
            lacking
                .iter()
                .map(|one| format!("sysctl -w user.max_{one}_namespaces=100000"))
                .collect::<Vec<_>>()
                .join("; "),
        ),
    }
}

/// What distributions add to keep ordinary users from name spaces. Whether they succeed, the sandbox tells.
fn unprivileged() -> Finding {
    let is =
        |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        return Finding::failed(
            SUBJECT,
            "ordinary users may make no user name space",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        );
    }
    if is(APPARMOR, "1") {
        return Finding::good(
            SUBJECT,
            "AppArmor lets only programs with a profile make user name spaces (contrib/apparmor/lambkin is one)",
        );
    }
    Finding::good(SUBJECT, "ordinary users may make user name spaces")
}
