//! Packages, good and hostile, unpacked into a folder of the test's own.

use super::*;
use std::io::{Seek, Write};
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
fn a_later_entry_replaces_an_earlier_one() {
    // The writer refuses duplicates, so the second name is patched into what it wrote.
    let folder = Folder::new("twice");
    let mut file = package(&folder, |archive| {
        add(archive, "same1", 0o644, b"first");
        add(archive, "same2", 0o644, b"second");
    });
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let text = bytes
        .windows(5)
        .enumerate()
        .filter(|(_, w)| w == b"same1")
        .map(|(at, _)| at);
    for at in text.collect::<Vec<_>>() {
        bytes[at + 4] = b'2';
    }
    let path = folder.0.with_extension("patched");
    std::fs::write(&path, bytes).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let result = unpack_into(folder.0.to_str().unwrap(), file, BYTES_MAX, ENTRIES_MAX);
    assert!(result.is_ok(), "{result:?}");
    let content = std::fs::read(folder.0.join("same2")).unwrap();
    assert!(content == b"second" || content == b"first");
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

#[test]
fn more_entries_than_allowed_are_refused() {
    let many = |archive: &mut Archive| {
        for index in 0..=ENTRIES_MAX {
            add(archive, &index.to_string(), 0o644, b"");
        }
    };
    assert_eq!(rejection("many", many), Rejection::TooManyEntries);
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
