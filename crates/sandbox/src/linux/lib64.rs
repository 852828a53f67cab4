//! `/lib64` on machines that keep nothing there but the way to the loader: the C library's own files, as on AWS.
//!
//! `LD_LIBRARY_PATH` has this folder near its front. A loader that finds them here does not look through all that come
//! after it, some 200 calls at each program's start. No other library is put here: it would come before one of the
//! function's own with the same name, which has its folder further behind.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, mkdirat, symlinkat};

/// Names of the programs' loaders begin with it.
const LOADER: &str = "ld-linux";
/// What belongs to the loader, and what compilers add to every program.
const FILES: [&str; 7] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
];

/// Lays it out if `folder` is such a one. Tells whether it is.
pub(super) fn lay_out(root: &OwnedFd, folder: &Path) -> io::Result<bool> {
    let Some((loader, real)) = loader_elsewhere(folder) else {
        return Ok(false);
    };
    let Some(libraries) = real.parent().filter(|place| place.join(FILES[0]).exists()) else {
        return Ok(false);
    };
    mkdirat(root, "lib64", Mode::from_raw_mode(0o755))?;
    symlinkat(&real, root, format!("lib64/{loader}"))?;
    for name in FILES {
        let file = libraries.join(name);
        if file.exists() {
            symlinkat(&file, root, format!("lib64/{name}"))?;
        }
    }
    Ok(true)
}

/// The loader's name and its file, if that is the only entry and a link to somewhere in /usr.
fn loader_elsewhere(folder: &Path) -> Option<(String, PathBuf)> {
    let mut entries = fs::read_dir(folder).ok()?;
    let (only, None) = (entries.next()?.ok()?, entries.next()) else {
        return None;
    };
    let name = only.file_name().into_string().ok()?;
    let real = fs::canonicalize(only.path()).ok()?;
    let elsewhere = real.parent() != fs::canonicalize(folder).ok().as_deref();
    let is = name.starts_with(LOADER) && elsewhere && real.starts_with("/usr");
    is.then_some((name, real))
}
