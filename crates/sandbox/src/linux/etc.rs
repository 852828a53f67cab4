//! A sandbox's /etc: written for it, with the machine's public tables and certificates and nothing else.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, mkdirat, symlinkat};

use super::mounts;
use super::privilege::{SANDBOX_GID, SANDBOX_UID};
use super::root_template::write_file;

/// Longest file that is copied; all of them are far shorter, and the template is memory.
const COPY_BYTES_MAX: u64 = 1 << 20;
/// Tables that the C library and programs read by name; `ld.so.cache` says where the machine's libraries are.
const COPIED: [&str; 6] = [
    "ld.so.cache",
    "ld.so.conf",
    "services",
    "protocols",
    "mime.types",
    "ssl/openssl.cnf",
];
/// Folders of public files: certificates, what TLS libraries read with them, and the links by which Debian's
/// programs find their versions.
const BOUND: [&str; 6] = [
    "ssl/certs",
    "pki/ca-trust/extracted",
    "pki/tls/certs",
    "crypto-policies",
    "java",
    "alternatives",
];
/// Debian's JVMs keep their settings here, each version in a folder of its own; without them none starts.
const JVM: (&str, &str) = ("java-", "-openjdk");
/// Versions side by side. Each is a mount that every creation copies.
const JVMS_MAX: usize = 4;

/// Fills `etc` of the root.
pub(super) fn write(root: &OwnedFd) -> io::Result<()> {
    let own = [
        (
            "passwd",
            format!(
                "root:x:0:0:root:/root:/sbin/nologin\n\
                 sbx_user1051:x:{SANDBOX_UID}:{SANDBOX_GID}::/tmp:/sbin/nologin\n\
                 nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
            ),
        ),
        (
            "group",
            format!("root:x:0:\nsbx_user1051:x:{SANDBOX_GID}:\nnobody:x:65534:\n"),
        ),
        ("hostname", "localhost\n".to_owned()),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n".to_owned()),
        ("resolv.conf", "nameserver 127.0.0.1\n".to_owned()),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\n".to_owned(),
        ),
        ("shells", "/bin/sh\n".to_owned()),
    ];
    for (name, content) in own {
        write_file(root, &format!("etc/{name}"), content.as_bytes(), 0o644)?;
    }
    symlinkat("/usr/share/zoneinfo/UTC", root, "etc/localtime")?;
    symlinkat("../usr/lib/os-release", root, "etc/os-release")?;
    symlinkat("/proc/self/mounts", root, "etc/mtab")?;
    for name in BOUND {
        bind(root, name)?;
    }
    for name in jvms() {
        bind(root, &name)?;
    }
    COPIED.iter().try_for_each(|name| copy(root, name))
}

fn copy(root: &OwnedFd, name: &str) -> io::Result<()> {
    let source = Path::new("/etc").join(name);
    if !fs::metadata(&source).is_ok_and(|m| m.is_file() && m.len() <= COPY_BYTES_MAX) {
        return Ok(());
    }
    make_parents(root, name)?;
    Ok(write_file(
        root,
        &format!("etc/{name}"),
        &fs::read(source)?,
        0o644,
    )?)
}

fn bind(root: &OwnedFd, name: &str) -> io::Result<()> {
    let source = Path::new("/etc").join(name);
    if !source.is_dir() {
        return Ok(());
    }
    let target = format!("etc/{name}");
    make_parents(root, name)?;
    mkdirat(root, &target, Mode::from_raw_mode(0o755))?;
    let tree = mounts::clone_tree(CWD, source)?;
    mounts::restrict(&tree, mounts::READ_ONLY, true)?;
    Ok(mounts::attach(tree, root, target)?)
}

/// `java-17-openjdk` and its likes, the newest ones.
fn jvms() -> Vec<String> {
    let entries = fs::read_dir("/etc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<(u32, String)> = names
        .filter_map(|name| Some((jvm_version(&name)?, name)))
        .collect();
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.truncate(JVMS_MAX);
    found.into_iter().map(|(_, name)| name).collect()
}

fn jvm_version(name: &str) -> Option<u32> {
    let version = name.strip_prefix(JVM.0)?.strip_suffix(JVM.1)?;
    version.parse().ok()
}

fn make_parents(root: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    for (end, _) in name.match_indices('/') {
        match mkdirat(
            root,
            format!("etc/{}", &name[..end]),
            Mode::from_raw_mode(0o755),
        ) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_jvms_are_bound() {
        assert_eq!(jvm_version("java-17-openjdk"), Some(17));
        for other in [
            "java",
            "java-openjdk",
            "java-17-openjdk.bak",
            "java-../x-openjdk",
        ] {
            assert_eq!(jvm_version(other), None, "{other}");
        }
    }
}
