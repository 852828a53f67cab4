//! Packages, good and hostile, unpacked into a folder of the test's own.

use super::*;
use std::io::{Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use zip::write::SimpleFileOptions;

const BYTES_MAX: u64 = 1 << 20;
const ENTRIES_MAX: u32 = 100;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("unpack-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Archive = zip::ZipWriter<File>;

fn package(folder: &Folder, write: impl FnOnce(&mut Archive)) -> File {
    let path = folder.0.with_extension("zip");
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    std::fs::remove_file(path).unwrap();
    let mut archive = Archive::new(file);
    write(&mut archive);
    let mut file = archive.finish().unwrap();
    file.rewind().unwrap();
    file
}

fn add(archive: &mut Archive, name: &str, mode: u32, content: &[u8]) {
    archive
        .start_file(name, SimpleFileOptions::default().unix_permissions(mode))
        .unwrap();
    archive.write_all(content).unwrap();
}

fn unpacked(name: &str, write: impl FnOnce(&mut Archive)) -> (Folder, Result<(u64, u32), Error>) {
    let folder = Folder::new(name);
    let file = package(&folder, write);
    let result = unpack_into(folder.0.to_str().unwrap(), file, BYTES_MAX, ENTRIES_MAX);
    (folder, result)
}

fn rejection(name: &str, write: impl FnOnce(&mut Archive)) -> Rejection {
    match unpacked(name, write).1 {
        Err(Error::Rejected(why)) => why,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn files_folders_and_links_are_made() {
    let (folder, result) = unpacked("good", |archive| {
        add(archive, "app/main.py", 0o600, b"print()");
        add(archive, "bootstrap", 0o755, b"#!/bin/sh");
        archive
            .add_directory("empty", SimpleFileOptions::default())
            .unwrap();
        archive
            .add_symlink("app/link.py", "main.py", SimpleFileOptions::default())
            .unwrap();
    });
    assert_eq!(result.unwrap(), (16 + 7, 4));
    let mode = |name: &str| folder.0.join(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        std::fs::read(folder.0.join("app/link.py")).unwrap(),
        b"print()"
    );
    assert_eq!(
        (mode("app/main.py"), mode("bootstrap"), mode("empty")),
        (0o644, 0o755, 0o755)
    );
}

#[test]
fn files_keep_their_time() {
    let time = zip::DateTime::from_date_and_time(2024, 2, 29, 12, 0, 2).unwrap();
    let (folder, result) = unpacked("time", |archive| {
        let options = SimpleFileOptions::default().last_modified_time(time);
        archive.start_file("main.py", options).unwrap();
    });
    result.unwrap();
    let file = folder.0.join("main.py").metadata().unwrap();
    assert_eq!(file.mtime(), 1_709_208_002);
}

/// A package as no honest writer makes it.
fn unpacked_after(
    name: &str,
    write: impl FnOnce(&mut Archive),
    change: impl FnOnce(&mut Vec<u8>),
) -> (Folder, Result<(u64, u32), Error>) {
    let folder = Folder::new(name);
    let mut bytes = Vec::new();
    package(&folder, write).read_to_end(&mut bytes).unwrap();
    change(&mut bytes);
    let path = folder.0.with_extension("changed");
    std::fs::write(&path, bytes).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let result = unpack_into(folder.0.to_str().unwrap(), file, BYTES_MAX, ENTRIES_MAX);
    (folder, result)
}

fn position(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).rposition(|w| w == of).unwrap()
}

#[test]
fn a_later_entry_replaces_an_earlier_one() {
    // The reader knows names byte for byte and keeps the last of each; these two differ until they are paths.
    let (folder, result) = unpacked("twice", |archive| {
        add(archive, "same", 0o755, b"first");
        add(archive, "./same", 0o644, b"second");
    });
    assert!(result.is_ok(), "{result:?}");
    let file = folder.0.join("same");
    assert_eq!(std::fs::read(&file).unwrap(), b"second");
    assert_eq!(
        file.metadata().unwrap().permissions().mode() & 0o7777,
        0o644
    );
}

#[test]
fn what_an_entry_claims_is_not_believed() {
    const RECORD: &[u8] = b"PK\x01\x02";
    const FLAGS: usize = 8;
    const SIZE: usize = 24;
    const MODE: usize = 40;
    let refused = |name: &str, content: &[u8], change: &dyn Fn(&mut [u8])| {
        let changed = |bytes: &mut Vec<u8>| {
            let record = position(bytes, RECORD);
            change(&mut bytes[record..]);
        };
        match unpacked_after(name, |archive| add(archive, "x", 0o644, content), changed).1 {
            Err(Error::Rejected(why)) => Some(why),
            _ => None,
        }
    };
    let device =
        |record: &mut [u8]| record[MODE..MODE + 2].copy_from_slice(&0o020_666u16.to_le_bytes());
    assert_eq!(refused("device", b"x", &device), Some(Rejection::BadEntry));
    let pipe =
        |record: &mut [u8]| record[MODE..MODE + 2].copy_from_slice(&0o010_666u16.to_le_bytes());
    assert_eq!(refused("pipe", b"x", &pipe), Some(Rejection::BadEntry));
    let encrypted = |record: &mut [u8]| record[FLAGS] |= 1;
    assert_eq!(
        refused("encrypted", b"x", &encrypted),
        Some(Rejection::BadEntry)
    );
    let small = |record: &mut [u8]| record[SIZE..SIZE + 4].copy_from_slice(&1u32.to_le_bytes());
    let zeros = vec![0; 2 << 20];
    assert!(matches!(
        refused("small", &zeros, &small),
        Some(Rejection::TooLarge | Rejection::NotAZip)
    ));
    let broken = |record: &mut [u8]| record[16] ^= 1;
    assert_eq!(refused("checksum", b"x", &broken), Some(Rejection::NotAZip));
}

#[test]
fn a_truncated_package_is_no_zip() {
    let result = unpacked_after(
        "truncated",
        |archive| add(archive, "x", 0o644, &[b'x'; 1000]),
        |bytes| bytes.truncate(bytes.len() - 40),
    );
    assert!(matches!(result.1, Err(Error::Rejected(Rejection::NotAZip))));
}

#[test]
fn hostile_packages_are_refused() {
    let link = |name: &'static str, target: &'static str| {
        move |archive: &mut Archive| {
            archive
                .add_symlink(name, target, SimpleFileOptions::default())
                .unwrap();
        }
    };
    assert_eq!(
        rejection("link-out", link("out", "/etc/passwd")),
        Rejection::BadLink
    );
    assert_eq!(
        rejection("link-up", link("a/out", "../../x")),
        Rejection::BadLink
    );
    assert_eq!(
        rejection("parent", |a| add(a, "../x", 0o644, b"x")),
        Rejection::BadPath
    );
    assert_eq!(
        rejection("large", |a| add(a, "zeros", 0o644, &vec![0; 2 << 20])),
        Rejection::TooLarge
    );
}

/// 65,535 entries and more are counted in another record, and a reader that trusts the smaller one keeps them all.
#[test]
fn many_entries_are_counted_before_they_are_read() {
    for count in [ENTRIES_MAX as usize + 1, 70_000] {
        let folder = Folder::new(&format!("claim-{count}"));
        let file = package(&folder, |archive| {
            for index in 0..count {
                add(archive, &index.to_string(), 0o644, b"");
            }
        });
        let bytes = file.metadata().unwrap().len();
        assert_eq!(claim::entries(&file, bytes).unwrap(), count as u64);
        let result = unpack_into(folder.0.to_str().unwrap(), file, BYTES_MAX, ENTRIES_MAX);
        assert!(
            matches!(result, Err(Error::Rejected(Rejection::TooManyEntries))),
            "{result:?}"
        );
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let (folder, result) = unpacked("through", |archive| {
        archive
            .add_symlink("a", "b", SimpleFileOptions::default())
            .unwrap();
        add(archive, "a/x", 0o644, b"x");
    });
    assert!(
        matches!(result, Err(Error::Rejected(Rejection::BadPath))),
        "{result:?}"
    );
    assert!(!folder.0.join("b").exists());
}

#[test]
fn garbage_is_no_zip() {
    let folder = Folder::new("garbage");
    let path = folder.0.with_extension("garbage");
    std::fs::write(&path, [b'x'; 100]).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let result = unpack_into(folder.0.to_str().unwrap(), file, BYTES_MAX, ENTRIES_MAX);
    assert!(matches!(result, Err(Error::Rejected(Rejection::NotAZip))));
}
