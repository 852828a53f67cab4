//! Where this machine's control groups are mounted, and which folder of them is ours to use.

use super::v2;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the sandboxes need of a machine.
pub(super) const CONTROLLERS: [&str; 5] = ["memory", "cpu", "cpuacct", "pids", "freezer"];

/// The groups in use: version 2 where it has controllers, else version 1.
pub(super) enum Mounts {
    V1(Vec<Base>),
    V2(PathBuf),
}

/// One hierarchy of version 1: the folder of the group that this process is in.
pub(super) struct Base {
    pub(super) path: PathBuf,
    /// Those of `CONTROLLERS` that it has; several may be mounted as one.
    pub(super) controllers: Vec<String>,
}

impl Mounts {
    pub(super) fn read() -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        Self::parse(&mounts, &own).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "no cgroup controller is mounted",
            )
        })
    }

    fn parse(mounts: &str, own: &str) -> Option<Self> {
        let own = own_groups(own);
        let mut v1: Vec<Base> = Vec::new();
        for line in mounts.lines() {
            let Some(mount) = Mount::parse(line) else {
                continue;
            };
            if mount.kind == "cgroup2" {
                let own = mount.folder_of(own.get("").copied().unwrap_or("/"));
                let base = outside_of_server(own);
                let has = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
                if has.split_whitespace().any(|one| one == "memory") {
                    return Some(Self::V2(base));
                }
            } else if mount.kind == "cgroup" {
                let has = |name: &&str| mount.options.split(',').any(|option| option == *name);
                let controllers: Vec<String> = CONTROLLERS
                    .iter()
                    .copied()
                    .filter(has)
                    .map(str::to_owned)
                    .collect();
                let Some(group) = controllers.first().and_then(|one| own.get(one.as_str())) else {
                    continue;
                };
                let known = v1.iter().any(|base| base.controllers == controllers);
                if !known {
                    v1.push(Base {
                        path: mount.folder_of(group),
                        controllers,
                    });
                }
            }
        }
        (!v1.is_empty()).then_some(Self::V1(v1))
    }
}

/// A server that was started by what an earlier one moved aside does not nest its groups any deeper.
fn outside_of_server(group: PathBuf) -> PathBuf {
    match group.parent() {
        Some(parent) if group.ends_with(v2::SERVER) => parent.to_owned(),
        _ => group,
    }
}

/// Controller to path of this process's group; the empty name is version 2.
fn own_groups(text: &str) -> HashMap<&str, &str> {
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    lines
        .flat_map(|(names, path)| names.split(',').map(move |name| (name, path)))
        .collect()
}

struct Mount<'l> {
    root: &'l str,
    point: &'l str,
    kind: &'l str,
    options: &'l str,
}

impl<'l> Mount<'l> {
    /// A line of mountinfo: `id parent dev root point options [tags] - kind source options`.
    fn parse(line: &'l str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let (kind, _, options) = (right.next()?, right.next()?, right.next()?);
        Some(Self {
            root,
            point,
            kind,
            options,
        })
    }

    /// The folder of a group in this mount, or the mount itself where the group is not below it.
    fn folder_of(&self, group: &str) -> PathBuf {
        let below = Path::new(group)
            .strip_prefix(self.root)
            .unwrap_or(Path::new(""));
        let folder = Path::new(self.point).join(below);
        if folder.is_dir() {
            folder
        } else {
            PathBuf::from(self.point)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_that_are_mounted_together_are_one_base() {
        let mounts = "30 25 0:26 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n\
                      31 25 0:27 / /cg/memory rw - cgroup cgroup rw,memory\n\
                      32 25 0:28 / /cg/devices rw - cgroup cgroup rw,devices\n";
        let own = "4:memory:/\n3:devices:/\n2:cpu,cpuacct:/\n0::/\n";
        let Some(Mounts::V1(bases)) = Mounts::parse(mounts, own) else {
            panic!("version 1")
        };
        let shown: Vec<_> = bases
            .iter()
            .map(|base| (base.path.to_str().unwrap(), base.controllers.len()))
            .collect();
        assert_eq!(shown, [("/cg/cpu", 2), ("/cg/memory", 1)]);
    }

    #[test]
    fn groups_do_not_nest_with_each_start() {
        let base = |path: &str| outside_of_server(path.into());
        assert_eq!(
            base("/cg/my.scope/lambkin-server"),
            Path::new("/cg/my.scope")
        );
        assert_eq!(base("/cg/my.scope"), Path::new("/cg/my.scope"));
    }

    #[test]
    fn nothing_mounted_is_nothing_found() {
        assert!(Mounts::parse("1 0 0:1 / / rw - ext4 /dev/vda rw\n", "0::/\n").is_none());
    }
}
