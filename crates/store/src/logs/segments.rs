//! The segment files of all functions: appending, and removing the oldest above the caps.
//!
//! A start begins new segments, so that nothing is ever appended to a line that a kill tore.

use crate::folder;
use lambkin_model::FunctionName;
use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const EXTENSION: &str = "ndjson";
/// A segment is removed as a whole: an eighth of a function's cap is lost at once, and no more than this.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// What a file takes of the disk at least; bounds the number of files under the cap.
const BLOCK_BYTES: u64 = 4_096;
/// Files that are open at once; the server needs its descriptors for connections.
const OPEN_FILES_MAX: usize = 256;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Bytes of one function's log.
    pub(crate) function_bytes: u64,
    /// Bytes of all logs.
    pub(crate) total_bytes: u64,
}

/// A file and how much of it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: u64,
    written: SystemTime,
}

impl Segment {
    fn disk_bytes(&self) -> u64 {
        self.bytes.next_multiple_of(BLOCK_BYTES).max(BLOCK_BYTES)
    }
}

/// One function's segments, oldest first; the last one may be open.
#[derive(Debug, Default)]
struct Log {
    segments: VecDeque<Segment>,
    open: Option<File>,
    /// Goes up as long as the log exists, so that names sort as the events do.
    next_number: u64,
    /// What the segments take of the disk.
    disk_bytes: u64,
    /// The last segment was begun by this process and ends with a whole line.
    is_whole: bool,
}

impl Log {
    /// Whether the last segment takes more lines.
    fn continues(&self, segment_bytes: u64) -> bool {
        let has_room = |segment: &Segment| segment.bytes < segment_bytes;
        self.is_whole && self.segments.back().is_some_and(has_room)
    }
}

#[derive(Debug)]
pub(super) struct Segments {
    folder: PathBuf,
    caps: Caps,
    logs: HashMap<FunctionName, Log>,
    open_files: usize,
    /// What all logs take of the disk.
    disk_bytes: u64,
}

impl Segments {
    /// Finds what earlier processes wrote.
    pub(super) fn scan(folder: &Path, caps: Caps) -> io::Result<Self> {
        let mut logs = HashMap::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry
                .file_name()
                .to_str()
                .and_then(|name| FunctionName::new(name).ok());
            if let (Some(name), true) = (name, entry.file_type()?.is_dir()) {
                logs.insert(name, scan_log(&entry.path())?);
            }
        }
        let disk_bytes = logs.values().map(|log: &Log| log.disk_bytes).sum();
        let mut segments = Self {
            folder: folder.to_owned(),
            caps,
            logs,
            open_files: 0,
            disk_bytes,
        };
        segments.remove_above_total()?;
        Ok(segments)
    }

    /// Appends whole lines to a function's log and keeps the caps.
    pub(super) fn append(&mut self, function: &FunctionName, lines: &[u8]) -> io::Result<()> {
        let segment_bytes = (self.caps.function_bytes / 8).clamp(BLOCK_BYTES, SEGMENT_BYTES_MAX);
        if let Err(error) = self.write_all(function, lines, segment_bytes) {
            // What was written of the lines has no end: the next ones begin a new segment.
            if let Some(log) = self.logs.get_mut(function) {
                log.is_whole = false;
            }
            return Err(error);
        }
        self.remove_above_function(function)?;
        self.remove_above_total()
    }

    /// The files of a function, oldest first.
    pub(super) fn extents(&self, function: &FunctionName) -> Vec<Extent> {
        let segments = self
            .logs
            .get(function)
            .into_iter()
            .flat_map(|log| &log.segments);
        segments
            .map(|segment| Extent {
                path: self.path(function, segment.number),
                bytes: segment.bytes,
            })
            .collect()
    }

    /// Spreads lines over segments, so that no segment is much longer than it should be.
    fn write_all(
        &mut self,
        function: &FunctionName,
        mut lines: &[u8],
        segment_bytes: u64,
    ) -> io::Result<()> {
        while !lines.is_empty() {
            let (some, rest) = lines.split_at(whole_lines(lines, segment_bytes as usize));
            self.write(function, some, segment_bytes)?;
            lines = rest;
        }
        Ok(())
    }

    fn write(
        &mut self,
        function: &FunctionName,
        lines: &[u8],
        segment_bytes: u64,
    ) -> io::Result<()> {
        match self.logs.get(function) {
            Some(log) if log.continues(segment_bytes) && log.open.is_some() => {}
            Some(log) if log.continues(segment_bytes) => {
                self.open(function, log.next_number - 1)?
            }
            _ => self.begin(function)?,
        }
        let Some(log) = self.logs.get_mut(function) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (Some(segment), Some(file)) = (log.segments.back_mut(), log.open.as_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.write_all(lines)?;
        let before = segment.disk_bytes();
        segment.bytes += lines.len() as u64;
        segment.written = SystemTime::now();
        let more = segment.disk_bytes() - before;
        log.disk_bytes += more;
        self.disk_bytes += more;
        Ok(())
    }

    /// Makes a function's next segment.
    fn begin(&mut self, function: &FunctionName) -> io::Result<()> {
        self.close(function);
        folder::make_private(&self.folder.join(function.as_str()))?;
        let number = self.logs.get(function).map_or(0, |log| log.next_number);
        self.open(function, number)?;
        let log = self.logs.entry(function.clone()).or_default();
        let segment = Segment {
            number,
            bytes: 0,
            written: SystemTime::now(),
        };
        log.disk_bytes += segment.disk_bytes();
        self.disk_bytes += segment.disk_bytes();
        log.segments.push_back(segment);
        log.next_number = number + 1;
        log.is_whole = true;
        Ok(())
    }

    /// Opens the file of a segment that is written to from now on.
    fn open(&mut self, function: &FunctionName, number: u64) -> io::Result<()> {
        if self.open_files >= OPEN_FILES_MAX {
            self.logs.values_mut().for_each(|log| log.open = None);
            self.open_files = 0;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        let file = options.open(self.path(function, number))?;
        self.logs.entry(function.clone()).or_default().open = Some(file);
        self.open_files += 1;
        Ok(())
    }

    fn close(&mut self, function: &FunctionName) {
        if self
            .logs
            .get_mut(function)
            .is_some_and(|log| log.open.take().is_some())
        {
            self.open_files -= 1;
        }
    }

    fn remove_above_function(&mut self, function: &FunctionName) -> io::Result<()> {
        let bytes_max = self.caps.function_bytes;
        let is_above = |log: &Log| log.disk_bytes > bytes_max;
        while self.logs.get(function).is_some_and(is_above) {
            self.remove_oldest(function)?;
        }
        Ok(())
    }

    fn remove_above_total(&mut self) -> io::Result<()> {
        while self.disk_bytes > self.caps.total_bytes {
            let oldest = self
                .logs
                .iter()
                .filter_map(|(name, log)| Some((log.segments.front()?.written, name)));
            let Some(function) = oldest.min().map(|(_, name)| name.clone()) else {
                break;
            };
            self.remove_oldest(&function)?;
        }
        Ok(())
    }

    fn remove_oldest(&mut self, function: &FunctionName) -> io::Result<()> {
        let Some(log) = self.logs.get_mut(function) else {
            return Ok(());
        };
        let Some(segment) = log.segments.pop_front() else {
            return Ok(());
        };
        log.disk_bytes -= segment.disk_bytes();
        self.disk_bytes -= segment.disk_bytes();
        let is_last = log.segments.is_empty();
        if is_last {
            self.close(function);
        }
        let path = self.path(function, segment.number);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if is_last && let Some(parent) = path.parent() {
            self.logs.remove(function);
            // Holds a file that is not ours: it stays.
            let _ = std::fs::remove_dir(parent);
        }
        Ok(())
    }

    fn path(&self, function: &FunctionName, number: u64) -> PathBuf {
        self.folder
            .join(function.as_str())
            .join(format!("{number:016}.{EXTENSION}"))
    }
}

/// Bytes of the whole lines that fit into `bytes_max`, or of the first line.
fn whole_lines(lines: &[u8], bytes_max: usize) -> usize {
    if lines.len() <= bytes_max {
        return lines.len();
    }
    let is_end = |byte: &u8| *byte == b'\n';
    let fitting = lines[..bytes_max].iter().rposition(is_end);
    let end = fitting.or_else(|| lines.iter().position(is_end));
    end.map_or(lines.len(), |end| end + 1)
}

fn scan_log(folder: &Path) -> io::Result<Log> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let is_ours = path
            .extension()
            .is_some_and(|extension| extension == EXTENSION);
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse().ok());
        if let (true, Some(number)) = (is_ours, number) {
            let found = entry.metadata()?;
            segments.push(Segment {
                number,
                bytes: found.len(),
                written: found.modified()?,
            });
        }
    }
    segments.sort_by_key(|segment| segment.number);
    let next_number = segments.last().map_or(0, |segment| segment.number + 1);
    let disk_bytes = segments.iter().map(Segment::disk_bytes).sum();
    Ok(Log {
        segments: segments.into(),
        open: None,
        next_number,
        disk_bytes,
        is_whole: false,
    })
}
