//! Room for packages, logs and /tmp of functions.

use std::path::{Path, PathBuf};

use super::finding::Finding;
use crate::settings::Settings;

const SUBJECT: &str = "disk";
/// Below it the first packages or a single full /tmp do not fit.
const BYTES_MIN: u64 = 1 << 30;
/// Each package, log and image is a file or two.
const INODES_MIN: u64 = 10_000;

pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let folder = existing(&settings.data_dir);
    let place = folder.display();
    let Ok(found) = rustix::fs::statvfs(&folder) else {
        return vec![Finding::failed(
            SUBJECT,
            format!("{place} cannot be looked at"),
            "choose another with --data-dir",
        )];
    };
    let bytes = found.f_bavail * found.f_frsize;
    let room = format!("{} MiB free at {place}", bytes >> 20);
    let mut findings = vec![match bytes >= BYTES_MIN {
        true => Finding::good(SUBJECT, room),
        false => Finding::missing(
            SUBJECT,
            room,
            "free a GiB or more, or choose another folder with --data-dir",
        ),
    }];
    // Some file systems count none and have no limit.
    if found.f_files > 0 && found.f_favail < INODES_MIN {
        findings.push(Finding::missing(
            SUBJECT,
            format!("{} inodes free at {place}", found.f_favail),
            "remove files, or choose another folder with --data-dir",
        ));
    }
    findings
}

/// The folder, or the nearest one above it that is there.
pub(super) fn existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute
        .ancestors()
        .find(|one| one.is_dir())
        .unwrap_or(Path::new("/"))
        .to_owned()
}
