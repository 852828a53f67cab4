//! The guest's root file system and kernel, made once for each recipe.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use super::{folder, recipe};
use crate::setup;
use crate::stage::command;

/// What the checks use beyond the smallest Debian.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,python3,e2fsprogs,kmod,curl,procps,util-linux";
/// Most of it stays free; what is not written takes no space.
const ROOT_BYTES: u64 = 2 << 30;

/// The two files that the machine boots from.
pub(super) struct Image {
    pub(super) root: PathBuf,
    pub(super) kernel: PathBuf,
}

/// Takes some 40 s, most of it downloading; nothing where the recipe is the one that was used.
pub(super) fn make() -> anyhow::Result<Image> {
    let image = Image {
        root: folder().join("root.ext4"),
        kernel: folder().join("vmlinuz"),
    };
    let (stamp, wanted) = (folder().join("recipe.stamp"), recipe_text()?);
    if fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(image);
    }
    let tree = folder().join("root");
    command(setup::as_root("rm").arg("-rf").arg(&tree))?;
    install(&tree)?;
    command(
        setup::as_root("install")
            .args(["-m", "0644"])
            .arg(tree.join("boot/vmlinuz"))
            .arg(&image.kernel),
    )?;
    file_system(&tree, &image.root, ROOT_BYTES)?;
    command(setup::as_root("rm").arg("-rf").arg(&tree))?;
    fs::write(stamp, wanted)?;
    Ok(image)
}

fn recipe_text() -> anyhow::Result<String> {
    let mut text = PACKAGES.to_owned();
    for file in ["customize", "guest.service"] {
        text += &fs::read_to_string(recipe().join(file))?;
    }
    Ok(text)
}

fn install(tree: &PathBuf) -> anyhow::Result<()> {
    let customize = format!(
        "--customize-hook=sh {} \"$1\"",
        recipe().join("customize").display()
    );
    command(
        setup::as_root("mmdebstrap")
            .args(["--quiet", "--variant=minbase", "--mode=root"])
            .arg(format!("--include={PACKAGES}"))
            .arg(customize)
            .arg(codename()?)
            .arg(tree),
    )
}

/// The name of the Debian that this machine runs.
fn codename() -> anyhow::Result<String> {
    let release = fs::read_to_string("/etc/os-release")?;
    let line = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(line
        .context("/etc/os-release names no VERSION_CODENAME")?
        .to_owned())
}

/// Makes `image` a file system with the contents of `tree`.
pub(super) fn file_system(tree: &PathBuf, image: &PathBuf, bytes: u64) -> anyhow::Result<()> {
    command(setup::as_root("rm").arg("-f").arg(image))?;
    command(
        setup::as_root("mke2fs")
            .args(["-q", "-t", "ext4", "-O", "^has_journal", "-d"])
            .arg(tree)
            .arg(image)
            .arg(format!("{}k", bytes >> 10)),
    )?;
    command(setup::as_root("chmod").arg("0666").arg(image))
}
