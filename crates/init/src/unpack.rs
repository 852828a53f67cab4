//! Unpacks a package into the working folder, believing nothing that it says about itself.
//!
//! Owns: the limits on bytes, entries and inflation, the rules for paths, links, modes and times. The sandbox
//! around it is the second defence: it can write nowhere else.
//!
//! Files are made before links, so that nothing is ever written through a link; a path whose parent is a link
//! or a file is refused.

mod claim;
mod path;
mod time;
mod writer;

use crate::control;
use crate::message::{Rejection, Report};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use writer::Writer;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use UnpackError as Error;

/// Most bytes that one byte of the package can honestly become: deflate's own maximum. More means that entries
/// share their bytes.
const RATIO_MAX: u64 = 1_032;
/// How entries may be packed, which is all that AWS's own unpacker knows.
const METHODS: [CompressionMethod; 2] = [CompressionMethod::Stored, CompressionMethod::Deflated];
/// Longest target of a link.
const LINK_BYTES_MAX: u64 = 4_096;

/// Unpacks the package at standard output's descriptor and reports what became of it.
pub fn unpack(bytes_max: u64, entries_max: u32) -> io::Result<()> {
    let package = File::from(rustix::stdio::stdout().as_fd().try_clone_to_owned()?);
    match unpack_into(".", package, bytes_max, entries_max) {
        Ok((bytes, entries)) => control::report(&Report::Unpacked { bytes, entries }),
        Err(Error::Rejected(why)) => control::report(&Report::Rejected(why)),
        Err(Error::Io(error)) => Err(error),
    }
}

/// Why nothing was unpacked.
#[derive(Debug)]
pub enum UnpackError {
    /// The package is at fault.
    Rejected(Rejection),
    /// The machine is.
    Io(io::Error),
}

impl From<Rejection> for Error {
    fn from(why: Rejection) -> Self {
        Self::Rejected(why)
    }
}

impl From<ZipError> for Error {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::UnsupportedArchive(_) => Self::Rejected(Rejection::BadEntry),
            _ => Self::Rejected(Rejection::NotAZip),
        }
    }
}

/// Unpacks a package into an empty folder. Tells the bytes of all files, and the entries.
///
/// # Errors
/// The package's fault or the machine's; what was written until then is worthless.
pub fn unpack_into(
    folder: &str,
    package: File,
    bytes_max: u64,
    entries_max: u32,
) -> Result<(u64, u32), Error> {
    let package_bytes = package.metadata().map_err(Error::Io)?.len();
    let mut archive = open(package, package_bytes, entries_max)?;
    let mut budget = Budget::new(bytes_max, package_bytes);
    let mut writer = Writer::new(folder).map_err(Error::Io)?;
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let path = path::check(entry.name_raw())?;
        let mode = entry.unix_mode().unwrap_or(0);
        if entry.is_dir() {
            writer.folder(&path)?;
        } else if entry.is_symlink() {
            links.push((path, read_link(&mut entry, &mut budget)?));
        } else if path::is_special(mode) || !METHODS.contains(&entry.compression()) {
            return Err(Rejection::BadEntry.into());
        } else {
            let modified_s = time::modified_s(&entry);
            let declared = entry.size();
            writer.file(&path, mode, modified_s, |file| {
                budget.copy(&mut entry, file, declared)
            })?;
        }
    }
    for (path, target) in links {
        path::check_link(&path, &target)?;
        writer.link(&path, &target)?;
    }
    let entries = u32::try_from(archive.len()).map_err(|_| Rejection::TooManyEntries)?;
    Ok((budget.written, entries))
}

/// Opens the archive, after a look at how many entries it claims: the reader keeps them all in memory. Entries that
/// share bytes are the way to the largest bombs, and no honest writer makes them.
fn open(package: File, bytes: u64, entries_max: u32) -> Result<ZipArchive<File>, Error> {
    if claim::entries(&package, bytes)? > u64::from(entries_max) {
        return Err(Rejection::TooManyEntries.into());
    }
    let mut archive = ZipArchive::new(package)?;
    if archive.len() as u64 > u64::from(entries_max) {
        return Err(Rejection::TooManyEntries.into());
    }
    if archive.has_overlapping_entries()? {
        return Err(Rejection::Overlap.into());
    }
    Ok(archive)
}

fn read_link<R: Read>(entry: &mut R, budget: &mut Budget) -> Result<Vec<u8>, Error> {
    let mut target = Vec::new();
    entry
        .take(LINK_BYTES_MAX + 1)
        .read_to_end(&mut target)
        .map_err(|_| Rejection::NotAZip)?;
    if target.len() as u64 > LINK_BYTES_MAX {
        return Err(Rejection::BadLink.into());
    }
    budget.spend(target.len() as u64)?;
    Ok(target)
}

/// What may still be written. Counts real bytes.
struct Budget {
    bytes_max: u64,
    ratio_bytes_max: u64,
    written: u64,
}

impl Budget {
    fn new(bytes_max: u64, package_bytes: u64) -> Self {
        let ratio_bytes_max = package_bytes.saturating_mul(RATIO_MAX);
        Self {
            bytes_max,
            ratio_bytes_max,
            written: 0,
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), Rejection> {
        self.written += bytes;
        match self.written {
            written if written > self.bytes_max => Err(Rejection::TooLarge),
            written if written > self.ratio_bytes_max => Err(Rejection::Ratio),
            _ => Ok(()),
        }
    }

    /// Copies the declared bytes, and refuses a source that has fewer or more.
    fn copy(
        &mut self,
        source: &mut impl Read,
        target: &mut impl io::Write,
        declared: u64,
    ) -> Result<(), Error> {
        let mut chunk = vec![0; 64 << 10];
        let before = self.written;
        loop {
            let length = match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Rejection::NotAZip.into()),
            };
            self.spend(length as u64)?;
            target.write_all(&chunk[..length]).map_err(full_or_broken)?;
        }
        if self.written - before == declared {
            Ok(())
        } else {
            Err(Rejection::NotAZip.into())
        }
    }
}

/// The folder is as large as the limit allows: a full one means that the package is too large.
fn full_or_broken(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Rejection::TooLarge.into(),
        _ => Error::Io(error),
    }
}

#[cfg(test)]
mod tests;
