//! The control group that Lambkin runs in, and those around it, each of which may limit its memory.
//!
//! Owns: where they are, which is found out once, and what their files say, which is read at each look.
//! The server may move into a group below the one that it was started in, and its sandboxes' groups are made there; what
//! limits these is around the server in either place.

use super::field;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Version 1 has no word for no limit, but a number near 2^63.
const UNLIMITED_BYTES: u64 = 1 << 62;

/// What the kernel calls the files of a version, and the mounts of it.
#[derive(Debug)]
struct Version {
    kind: &'static str,
    /// In the mount's options, and before the group's path; version 2 has all of its controllers in one mount.
    controller: Option<&'static str>,
    limit: &'static str,
    usage: &'static str,
    /// In `memory.stat`, with what is below the group: pages of files that can be dropped.
    inactive: &'static str,
}

const VERSIONS: [Version; 2] = [
    Version {
        kind: "cgroup2",
        controller: None,
        limit: "memory.max",
        usage: "memory.current",
        inactive: "inactive_file",
    },
    Version {
        kind: "cgroup",
        controller: Some("memory"),
        limit: "memory.limit_in_bytes",
        usage: "memory.usage_in_bytes",
        inactive: "total_inactive_file",
    },
];

/// Those that may have a limit, the own one first.
#[derive(Debug)]
pub(super) struct Groups(Vec<Group>);

#[derive(Debug)]
struct Group {
    folder: PathBuf,
    version: &'static Version,
}

impl Groups {
    /// Of this process, as far as they are mounted; none on a machine that does not tell.
    pub(super) fn find() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"))
    }

    fn parse(mounts: &str, own: &str) -> Self {
        let all = VERSIONS
            .iter()
            .flat_map(|version| version.groups(mounts, own));
        Self(all.collect())
    }

    /// The least limit of any.
    pub(super) fn limit_bytes(&self) -> Option<u64> {
        self.0.iter().filter_map(Group::limit_bytes).min()
    }

    /// What the one that has the least left has left.
    pub(super) fn available_bytes(&self) -> Option<u64> {
        self.0.iter().filter_map(Group::available_bytes).min()
    }
}

impl Version {
    /// This process's group and those around it, up to where they are mounted.
    fn groups(&'static self, mounts: &str, own: &str) -> Vec<Group> {
        let mount = mounts.lines().find_map(|line| self.mount(line));
        let (Some((root, point)), Some(group)) = (mount, self.own(own)) else {
            return Vec::new();
        };
        let folder = folder_of(root, point, group);
        let around = folder.ancestors().take_while(|one| one.starts_with(point));
        // That of the whole machine has no limit.
        let limited = around.filter(|one| one.join(self.limit).exists());
        let groups = limited.map(|one| Group {
            folder: one.to_owned(),
            version: self,
        });
        groups.collect()
    }

    /// Of a line of mountinfo, `id parent dev root point options [tags] - kind source options`: root and point.
    fn mount<'l>(&self, line: &'l str) -> Option<(&'l str, &'l str)> {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let is_kind = right.next()? == self.kind;
        let options = right.nth(1)?;
        let has = |name| options.split(',').any(|option| option == name);
        let mut left = left.split(' ').skip(3);
        let root_and_point = (left.next()?, left.next()?);
        (is_kind && self.controller.is_none_or(has)).then_some(root_and_point)
    }

    /// Of lines `id:controllers:path`; version 2 has no controllers there.
    fn own<'l>(&self, text: &'l str) -> Option<&'l str> {
        text.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let wanted = self.controller.unwrap_or("");
            let is_it = controllers.split(',').any(|one| one == wanted);
            is_it.then_some(path)
        })
    }
}

/// The folder of a group in a mount, or the mount's own where the group is not below it: sandboxes have theirs there then.
fn folder_of(root: &str, point: &str, group: &str) -> PathBuf {
    let point = Path::new(point);
    let below = Path::new(group).strip_prefix(root).ok();
    // One outside of the process's name space has a path that begins with `..`.
    let below = below.filter(|below| !below.components().any(|part| part == Component::ParentDir));
    let folder = below.map(|below| point.join(below));
    folder
        .filter(|folder| folder.is_dir())
        .unwrap_or_else(|| point.to_owned())
}

impl Group {
    fn limit_bytes(&self) -> Option<u64> {
        let limit = self.number(self.version.limit)?;
        (limit < UNLIMITED_BYTES).then_some(limit)
    }

    /// Limit less usage, where files that can be dropped do not count as used.
    fn available_bytes(&self) -> Option<u64> {
        let limit = self.limit_bytes()?;
        let stat = fs::read_to_string(self.folder.join("memory.stat")).ok();
        let reclaimable = stat.and_then(|text| field(&text, self.version.inactive));
        let usage = self.number(self.version.usage)?;
        Some(limit.saturating_sub(usage.saturating_sub(reclaimable.unwrap_or(0))))
    }

    /// None of `max`, too.
    fn number(&self, file: &str) -> Option<u64> {
        let text = fs::read_to_string(self.folder.join(file)).ok()?;
        text.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const MIB: u64 = 1 << 20;

    /// A mount of version 1 and one of version 2, as the kernel lists them.
    struct Machine(TempDir);

    impl Machine {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn mounts(&self, root: &str) -> String {
            let point = self.0.path().display();
            format!(
                "24 1 0:5 / /proc rw - proc proc rw\n\
                 35 31 0:32 {root} {point}/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                 36 31 0:33 {root} {point}/memory rw,relatime - cgroup cgroup rw,memory\n\
                 41 31 0:38 {root} {point}/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"
            )
        }

        fn write(&self, folder: &str, files: &[(&str, &str)]) {
            let folder = self.0.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            for (file, text) in files {
                fs::write(folder.join(file), text).unwrap();
            }
        }

        fn v2(&self, group: &str, max: &str, current_mib: u64, inactive_mib: u64) {
            let current = (current_mib * MIB).to_string();
            let stat = format!("anon 1\ninactive_file {}\n", inactive_mib * MIB);
            let files = [("memory.max", max), ("memory.current", &current)];
            let folder = format!("unified/{group}");
            self.write(&folder, &files);
            self.write(&folder, &[("memory.stat", &stat)]);
        }

        fn v1(&self, group: &str, limit: &str, usage_mib: u64, inactive_mib: u64) {
            let usage = (usage_mib * MIB).to_string();
            let stat = format!(
                "inactive_file 0\ntotal_inactive_file {}\n",
                inactive_mib * MIB
            );
            let folder = format!("memory/{group}");
            let files = [
                ("memory.limit_in_bytes", limit),
                ("memory.usage_in_bytes", &usage),
                ("memory.stat", &stat),
            ];
            self.write(&folder, &files);
        }

        /// Limit and what is left of it, in MiB, of a process in these groups.
        fn look(&self, root: &str, own: &str) -> [Option<u64>; 2] {
            let groups = Groups::parse(&self.mounts(root), own);
            [groups.limit_bytes(), groups.available_bytes()].map(|bytes| Some(bytes? / MIB))
        }
    }

    #[test]
    fn the_least_of_the_own_group_and_those_around_it_counts() {
        let machine = Machine::new();
        let own = "1:cpu,cpuacct:/\n0::/lambkin.slice/lambkin.service/lambkin-server\n";
        machine.write("unified", &[("cgroup.controllers", "memory")]);
        machine.v2("lambkin.slice", &(1_000 * MIB).to_string(), 700, 0);
        machine.v2("lambkin.slice/lambkin.service", "max\n", 400, 0);
        machine.v2("lambkin.slice/lambkin.service/lambkin-server", "max", 9, 0);
        machine.v2("other.slice", "4096", 0, 0);
        assert_eq!(machine.look("/", own), [Some(1_000), Some(300)]);
        let limit = (600 * MIB).to_string();
        machine.v2("lambkin.slice/lambkin.service", &limit, 500, 50);
        assert_eq!(machine.look("/", own), [Some(600), Some(150)]);
        machine.v2("lambkin.slice", &(1_000 * MIB).to_string(), 1_100, 0);
        assert_eq!(machine.look("/", own), [Some(600), Some(0)]);
    }

    #[test]
    fn version_1_is_heard_as_well_and_its_great_number_is_no_limit() {
        let machine = Machine::new();
        let own = "2:cpu,cpuacct:/\n1:memory:/unit/inner\n0::/\n";
        machine.v1("", "9223372036854771712\n", 9_000, 0);
        machine.v1("unit/inner", "9223372036854771712\n", 100, 0);
        machine.v1("unit", "9223372036854771712\n", 200, 0);
        assert_eq!(machine.look("/", own), [None, None]);
        machine.v1("unit", &(512 * MIB).to_string(), 200, 20);
        assert_eq!(machine.look("/", own), [Some(512), Some(332)]);
    }

    #[test]
    fn of_a_group_that_is_not_in_the_mount_the_mount_counts() {
        let machine = Machine::new();
        machine.v2("", &(512 * MIB).to_string(), 12, 0);
        machine.v2("inner", &(100 * MIB).to_string(), 50, 0);
        for (root, own) in [
            ("/docker/1", "0::/docker/1"),
            ("/", "0::/"),
            ("/", "0::/gone"),
            ("/", "0::/../outside"),
            ("/docker/2", "0::/elsewhere/inner"),
        ] {
            assert_eq!(machine.look(root, own), [Some(512), Some(500)], "{own}");
        }
        let inside = machine.look("/docker/1", "0::/docker/1/inner");
        assert_eq!(inside, [Some(100), Some(50)]);
    }

    #[test]
    fn where_nothing_is_told_nothing_limits() {
        let machine = Machine::new();
        assert_eq!(machine.look("/", ""), [None, None]);
        assert_eq!(machine.look("/", "0::/\n1:memory:/\n"), [None, None]);
        assert_eq!(Groups::parse("", "0::/").available_bytes(), None);
    }
}
