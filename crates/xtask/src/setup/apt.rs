//! Debian and Ubuntu packages, named by the program or file that shows they are there.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::stage::command;

/// (package, a path whose presence makes the package unnecessary)
const PACKAGES: &[(&str, &[&str])] = &[
    ("gcc", &["/usr/bin/cc"]),
    (
        "libc6-dev",
        &[
            "/usr/lib/x86_64-linux-gnu/libc.a",
            "/usr/lib/aarch64-linux-gnu/libc.a",
        ],
    ),
    ("make", &["/usr/bin/make"]),
    ("python3", &["/usr/bin/python3"]),
    ("python3-venv", &["/usr/share/doc/python3-venv"]),
    // `lambkin dev` installs a function's requirements.txt with it.
    ("python3-pip", &["/usr/lib/python3/dist-packages/pip"]),
    ("nodejs", &["/usr/bin/node"]),
    // With it comes what native Node.js packages need of headers.
    ("npm", &["/usr/bin/npm"]),
    // npm compiles AWS's Node.js client, curl below it, with these; node-gyp misses Python's distutils from
    // 3.12 on, which setuptools brings.
    ("g++", &["/usr/bin/g++"]),
    ("cmake", &["/usr/bin/cmake"]),
    ("autoconf", &["/usr/bin/autoconf"]),
    ("automake", &["/usr/bin/automake"]),
    ("libtool", &["/usr/bin/libtoolize"]),
    (
        "python3-setuptools",
        &["/usr/lib/python3/dist-packages/setuptools"],
    ),
    ("e2fsprogs", &["/usr/sbin/mke2fs", "/sbin/mke2fs"]),
    ("ca-certificates", &["/etc/ssl/certs/ca-certificates.crt"]),
    ("tzdata", &["/usr/share/zoneinfo/UTC"]),
    ("curl", &["/usr/bin/curl"]),
    ("git", &["/usr/bin/git"]),
];

/// Installs the packages that are missing, through sudo where the user is not root.
pub(super) fn install() -> anyhow::Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|p| !present(p.1))
        .map(|p| p.0)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "missing and not installable without apt-get: {}",
            missing.join(" ")
        );
    }
    println!("installing {}", missing.join(" "));
    command(apt().args(["update", "-qq"]))?;
    command(
        apt()
            .args(["install", "-qq", "-y", "--no-install-recommends"])
            .args(&missing),
    )
}

fn present(paths: &[&str]) -> bool {
    paths.iter().any(|path| Path::new(path).exists())
}

fn apt() -> Command {
    let root = std::fs::metadata("/proc/self").is_ok_and(|m| {
        use std::os::unix::fs::MetadataExt;
        m.uid() == 0
    });
    let mut apt = Command::new(if root { "apt-get" } else { "sudo" });
    if !root {
        apt.arg("apt-get");
    }
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}
