//! Debian and Ubuntu packages, named by the program or file that shows they are there.

use std::path::Path;
use std::process::Command;

use anyhow::bail;

use crate::stage::command;

/// A package, and the paths any of which makes it unnecessary.
pub(super) type Package = (&'static str, &'static [&'static str]);

/// What `cargo xtask test` uses everywhere.
pub(super) const TESTS: &[Package] = &[
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
    // Name spaces with networks of their own, which is all that tests send anything to.
    ("iproute2", &["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip"]),
    ("tzdata", &["/usr/share/zoneinfo/UTC"]),
    ("curl", &["/usr/bin/curl"]),
    ("git", &["/usr/bin/git"]),
    // A function may start a JVM; the tests do, with a class of their own.
    ("default-jdk-headless", &["/usr/bin/javac"]),
    // The world of network name spaces, and its authority.
    ("iproute2", &["/usr/sbin/ip", "/sbin/ip", "/bin/ip"]),
    ("openssl", &["/usr/bin/openssl"]),
];

/// What makes and runs the emulated guest.
pub(super) const GUEST: &[Package] = &[
    ("qemu-system-x86", &["/usr/bin/qemu-system-x86_64"]),
    ("mmdebstrap", &["/usr/bin/mmdebstrap"]),
    ("binutils", &["/usr/bin/strip"]),
];

/// Installs those packages that are missing, through sudo where the user is not root.
pub(super) fn install(packages: &[Package]) -> anyhow::Result<()> {
    let missing: Vec<&str> = packages
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
    let mut apt = super::as_root("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}
