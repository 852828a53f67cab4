//! Which paths, links and modes a package may have. Nothing here touches a file.

use crate::message::Rejection;

/// Longest path: what the kernel takes.
const PATH_BYTES_MAX: usize = 4_096;
/// Longest name of a file.
const NAME_BYTES_MAX: usize = 255;
/// Deepest folder: real packages stay below 30.
const DEPTH_MAX: usize = 128;

/// The type bits of a Unix mode.
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// The names of a path, one after the other, if it stays below the folder. `.` and empty names are left out. A
/// backslash is a letter like any other, as on AWS: a package zipped with them has flat names, not folders.
pub(super) fn check(raw: &[u8]) -> Result<Vec<String>, Rejection> {
    let text = std::str::from_utf8(raw)
        .map(str::to_owned)
        .unwrap_or_else(|_| latin(raw));
    if text.starts_with('/') || text.contains('\0') || text.len() > PATH_BYTES_MAX {
        return Err(Rejection::BadPath);
    }
    let names: Vec<String> = text
        .split('/')
        .filter(|name| !matches!(*name, "" | "."))
        .map(str::to_owned)
        .collect();
    let names_ok = names
        .iter()
        .all(|name| name != ".." && name.len() <= NAME_BYTES_MAX);
    if names.is_empty() || names.len() > DEPTH_MAX || !names_ok {
        return Err(Rejection::BadPath);
    }
    Ok(names)
}

/// A name in an unknown 8-bit code: each byte as the letter of the same number, which keeps names distinct.
fn latin(raw: &[u8]) -> String {
    raw.iter().map(|byte| char::from(*byte)).collect()
}

/// Whether a link at `path` that points to `target` stays below the folder, whatever other links there are:
/// it may go up only as far as it is deep, and only before it goes down.
pub(super) fn check_link(path: &[String], target: &[u8]) -> Result<(), Rejection> {
    let target = std::str::from_utf8(target).map_err(|_| Rejection::BadLink)?;
    if target.is_empty() || target.starts_with('/') || target.contains('\0') {
        return Err(Rejection::BadLink);
    }
    let names: Vec<&str> = target
        .split('/')
        .filter(|name| !matches!(*name, "" | "."))
        .collect();
    let ups = names.iter().take_while(|name| **name == "..").count();
    let goes_up_later = names[ups..].contains(&"..");
    if ups >= path.len() || goes_up_later {
        Err(Rejection::BadLink)
    } else {
        Ok(())
    }
}

/// Whether a mode names a device, a pipe or a socket.
pub(super) fn is_special(mode: u32) -> bool {
    !matches!(mode & TYPE, 0 | REGULAR)
}

/// The permissions that a file gets: readable by all, executable by all if by its owner, writable by none but
/// its owner; no setuid, setgid or sticky bit.
pub(super) fn permissions(mode: u32) -> u32 {
    if mode & 0o100 != 0 { 0o755 } else { 0o644 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<String> {
        path.split('/').map(str::to_owned).collect()
    }

    #[test]
    fn paths_that_stay_inside_pass() {
        assert_eq!(check(b"a/./b//c.py"), Ok(names("a/b/c.py")));
        assert_eq!(check(b"folder/"), Ok(names("folder")));
        assert_eq!(check("ü".as_bytes()), Ok(names("ü")));
        assert_eq!(check(b"\xfc"), Ok(names("ü")));
        assert_eq!(check(b"..\\x"), Ok(names("..\\x")));
    }

    #[test]
    fn paths_that_leave_are_refused() {
        let deep = "a/".repeat(200);
        for path in [
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a/..",
            "",
            "/",
            "a\0b",
            &deep,
        ] {
            assert_eq!(check(path.as_bytes()), Err(Rejection::BadPath), "{path:?}");
        }
    }

    #[test]
    fn links_may_go_up_as_far_as_they_are_deep() {
        let check = |path: &str, target: &str| check_link(&names(path), target.as_bytes()).is_ok();
        assert!(check("link", "file"));
        assert!(check("a/b/link", "../../file"));
        assert!(check("a/link", "../b/file"));
        for (path, target) in [
            ("link", "/etc/passwd"),
            ("link", ".."),
            ("link", "../x"),
            ("a/link", "../../x"),
            ("a/b/link", "x/../y"),
            ("link", ""),
        ] {
            assert!(!check(path, target), "{path} -> {target}");
        }
    }

    #[test]
    fn modes_lose_what_is_dangerous() {
        assert_eq!(permissions(0o104_755), 0o755);
        assert_eq!(permissions(0o100_600), 0o644);
        assert_eq!(permissions(0), 0o644);
        assert!(is_special(0o020_666) && is_special(0o010_644) && !is_special(0o100_644));
    }
}
