//! `VERSION`: the number of the schema, as text, for people and for older versions of this program.

use crate::OpenError;
use crate::tables::schema;
use std::io::{self, Read, Write};
use std::path::Path;

const FILE: &str = "VERSION";
/// A number and a line feed, with room to spare.
const BYTES_MAX: u64 = 64;

/// Refuses a folder that a newer version has written; tells whether any has.
pub(super) fn check(folder: &Path) -> Result<bool, OpenError> {
    let path = folder.join(FILE);
    let mut text = String::new();
    let read =
        std::fs::File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(OpenError::io("read", &path, source)),
    }
    match text.trim().parse::<u32>() {
        Ok(found) if found > schema::VERSION => Err(OpenError::Newer {
            folder: folder.to_owned(),
            found: found.to_string(),
        }),
        Ok(_) => Ok(true),
        Err(_) => Err(OpenError::NotAFolderOfOurs { file: path }),
    }
}

/// Writes this version's number, whole or not at all.
pub(super) fn stamp(folder: &Path) -> Result<(), OpenError> {
    let path = folder.join(FILE);
    let text = format!("{}\n", schema::VERSION);
    if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().sync_all()?;
        temporary.persist(&path).map_err(|refused| refused.error)?;
        super::sync(folder)
    };
    write().map_err(|source| OpenError::io("write", &path, source))
}
