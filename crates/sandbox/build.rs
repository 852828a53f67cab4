//! Builds pid 1's program as a static binary and hands its path to `linux/image.rs`, which embeds it.
//!
//! A nested cargo does it, because the program needs another profile and another way of linking than the crate
//! that embeds it; with a target folder of its own, since the outer cargo holds the lock of the other one.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let manifest = PathBuf::from(env("CARGO_MANIFEST_DIR"));
    let workspace = manifest
        .ancestors()
        .nth(2)
        .unwrap_or(&manifest)
        .to_path_buf();
    for path in ["crates/init", "Cargo.lock", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    let image = build(&workspace);
    println!("cargo::rustc-env=LAMBKIN_INIT_IMAGE={}", image.display());
}

fn build(workspace: &Path) -> PathBuf {
    let target = env("TARGET");
    let folder = PathBuf::from(env("OUT_DIR")).join("init");
    let mut cargo = Command::new(env("CARGO"));
    cargo
        .current_dir(workspace)
        .args([
            "build",
            "--package",
            "lambkin-init",
            "--bin",
            "lambkin-init",
            "--profile",
            "init",
        ])
        .args(["--target", &target, "--quiet", "--locked"])
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static");
    // What the outer cargo tells its build scripts and compilers does not hold for the nested one.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_outer = [
            "CARGO_CFG_",
            "CARGO_FEATURE_",
            "CARGO_PKG_",
            "CARGO_PROFILE_",
            "CARGO_BUILD_",
            "DEP_",
        ];
        let by_name = [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_TARGET_DIR",
            "CLIPPY_ARGS",
        ];
        if of_outer.iter().any(|prefix| text.starts_with(prefix)) || by_name.contains(&&*text) {
            cargo.env_remove(&name);
        }
    }
    let status = cargo
        .status()
        .unwrap_or_else(|error| panic!("cannot run {cargo:?}: {error}"));
    assert!(
        status.success(),
        "{cargo:?} ended with {status}; a static libc is needed (apt: libc6-dev)"
    );
    folder.join(target).join("init/lambkin-init")
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
