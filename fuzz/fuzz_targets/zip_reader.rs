//! The unpacker, given any bytes for a package: whatever it says, what is on disk afterwards stays within the
//! limits and the folder, and has no mode that means anything.
#![no_main]

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use lambkin_init::unpack_into;
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, memfd_create};

const BYTES_MAX: u64 = 1 << 20;
const ENTRIES_MAX: u32 = 64;
/// What `path::check` allows in depth, for each entry.
const FOLDERS_MAX: usize = 128 * ENTRIES_MAX as usize;

fuzz_target!(|package: &[u8]| {
    let folder = folder();
    fs::create_dir(folder).expect("a folder in memory");
    let unpacked = unpack_into(
        &folder.display().to_string(),
        file(package),
        BYTES_MAX,
        ENTRIES_MAX,
    );
    let mut found = Found::default();
    look(folder, folder, &mut found);
    if let Ok((bytes, entries)) = unpacked {
        assert!(bytes <= BYTES_MAX && entries <= ENTRIES_MAX);
        assert!(
            found.files + found.links <= entries as usize,
            "more than the entries"
        );
    }
    assert!(
        found.bytes <= BYTES_MAX,
        "{} bytes are on disk",
        found.bytes
    );
    assert!(found.folders <= FOLDERS_MAX);
    fs::remove_dir_all(folder).expect("the folder goes");
});

#[derive(Default)]
struct Found {
    files: usize,
    links: usize,
    folders: usize,
    bytes: u64,
}

fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| PathBuf::from(format!("/dev/shm/lambkin-fuzz-{}", std::process::id())))
}

fn file(package: &[u8]) -> File {
    let mut file = File::from(memfd_create("package", MemfdFlags::CLOEXEC).expect("a memory file"));
    file.write_all(package).expect("the package fits");
    file.rewind().expect("a file can be rewound");
    file
}

fn look(root: &Path, folder: &Path, found: &mut Found) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        let meta = path.symlink_metadata().expect("an entry has a mode");
        let mode = meta.mode() & 0o7777;
        if meta.is_dir() {
            assert_eq!(mode, 0o755, "{path:?}");
            found.folders += 1;
            look(root, &path, found);
        } else if meta.is_symlink() {
            found.links += 1;
            stays(
                root,
                &path,
                &fs::read_link(&path).expect("a link can be read"),
            );
        } else {
            assert!(
                meta.is_file() && (mode == 0o644 || mode == 0o755),
                "{path:?} {mode:o}"
            );
            found.files += 1;
            found.bytes += meta.len();
        }
    }
}

/// A link may climb no higher than its package; what it goes through below are links of which the same is true.
fn stays(root: &Path, link: &Path, target: &Path) {
    let below = link.strip_prefix(root).expect("a link is below the root");
    let mut depth = below.components().count() - 1;
    for part in target.components() {
        match part {
            Component::ParentDir => {
                depth = depth
                    .checked_sub(1)
                    .unwrap_or_else(|| panic!("{link:?} leaves by {target:?}"));
            }
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            other => panic!("{link:?} points to {other:?}"),
        }
    }
    if let Ok(real) = link.canonicalize() {
        assert!(real.starts_with(root), "{link:?} leaves by {target:?}");
    }
}
