//! The files: for each function a row of segments, of which the newest is written to.
//!
//! A segment's name is the time of its first event; names sort as the events do. Beyond a cap whole segments
//! go, the oldest first.

use lambkin_model::{FunctionName, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A segment's size: a cap is kept to within one.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// A function's cap is held by at least this many segments, so that little goes at a time.
const SEGMENTS_PER_CAP: u64 = 8;
/// Files kept open, of the functions that were written last.
const OPEN_FILES_MAX: usize = 64;
/// Longest name of a segment: 16 digits, a dash, 8 digits.
const NAME_BYTES_MAX: usize = 32;

pub(super) struct Segments {
    folder: PathBuf,
    function_bytes_max: u64,
    total_bytes_max: u64,
    total_bytes: u64,
    functions: BTreeMap<FunctionName, VecDeque<Segment>>,
    open: VecDeque<(FunctionName, File)>,
    next: u32,
}

struct Segment {
    name: String,
    bytes: u64,
}

impl Segments {
    /// Takes stock of what is there.
    pub(super) fn open(
        folder: &Path,
        function_bytes_max: u64,
        total_bytes_max: u64,
    ) -> io::Result<Self> {
        let mut segments = Self {
            folder: folder.to_owned(),
            function_bytes_max,
            total_bytes_max,
            total_bytes: 0,
            functions: BTreeMap::new(),
            open: VecDeque::new(),
            next: 0,
        };
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(function) = name.to_str().and_then(|name| FunctionName::new(name).ok()) {
                let found = stock(&entry.path())?;
                segments.total_bytes += found.iter().map(|segment| segment.bytes).sum::<u64>();
                segments.functions.insert(function, found);
            }
        }
        segments.make_room()?;
        Ok(segments)
    }

    /// Appends whole lines, the first of which is of the time `first`.
    pub(super) fn append(
        &mut self,
        function: &FunctionName,
        first: Timestamp,
        lines: &[u8],
    ) -> io::Result<()> {
        if self.needs_new(function) {
            self.start(function, first)?;
        }
        let file = self.file(function)?;
        file.write_all(lines)?;
        let bytes = lines.len() as u64;
        if let Some(last) = self
            .functions
            .get_mut(function)
            .and_then(VecDeque::back_mut)
        {
            last.bytes += bytes;
        }
        self.total_bytes += bytes;
        self.make_room_for(function)?;
        self.make_room()
    }

    /// Files of a function, oldest first, without those that end before `since`.
    pub(super) fn files(&self, function: &FunctionName, since: Option<Timestamp>) -> Vec<PathBuf> {
        let Some(segments) = self.functions.get(function) else {
            return Vec::new();
        };
        let first = since.map_or(0, |since| {
            let since = stamp(since);
            segments
                .iter()
                .rposition(|segment| segment.name < since)
                .unwrap_or(0)
        });
        segments
            .iter()
            .skip(first)
            .map(|segment| self.path(function, &segment.name))
            .collect()
    }

    pub(super) fn functions(&self) -> Vec<FunctionName> {
        self.functions.keys().cloned().collect()
    }

    fn segment_bytes_max(&self) -> u64 {
        SEGMENT_BYTES_MAX
            .min(self.function_bytes_max / SEGMENTS_PER_CAP)
            .max(1)
    }

    fn needs_new(&self, function: &FunctionName) -> bool {
        let last = self.functions.get(function).and_then(VecDeque::back);
        last.is_none_or(|last| last.bytes >= self.segment_bytes_max())
    }

    fn start(&mut self, function: &FunctionName, first: Timestamp) -> io::Result<()> {
        crate::folder::make_private(&self.folder.join(function.as_str()))?;
        self.open.retain(|(open, _)| open != function);
        self.next += 1;
        // The second part keeps apart what begins in the same millisecond.
        let name = format!("{}-{:08x}", stamp(first), self.next);
        self.functions
            .entry(function.clone())
            .or_default()
            .push_back(Segment { name, bytes: 0 });
        Ok(())
    }

    /// The newest segment's file, kept open for the next time.
    fn file(&mut self, function: &FunctionName) -> io::Result<&mut File> {
        let known = self.open.iter().position(|(open, _)| open == function);
        let entry = match known.and_then(|index| self.open.remove(index)) {
            Some(entry) => entry,
            None => {
                let last = self.functions.get(function).and_then(VecDeque::back);
                let last = last.ok_or(io::ErrorKind::NotFound)?;
                let path = self.path(function, &last.name);
                let file = OpenOptions::new()
                    .append(true)
                    .create(true)
                    .mode(0o600)
                    .open(path)?;
                (function.clone(), file)
            }
        };
        self.open.push_back(entry);
        if self.open.len() > OPEN_FILES_MAX {
            self.open.pop_front();
        }
        self.open
            .back_mut()
            .map(|(_, file)| file)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn make_room_for(&mut self, function: &FunctionName) -> io::Result<()> {
        let Some(segments) = self.functions.get(function) else {
            return Ok(());
        };
        let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        while bytes > self.function_bytes_max
            && self
                .functions
                .get(function)
                .is_some_and(|all| all.len() > 1)
        {
            bytes -= self.remove_oldest(function)?;
        }
        Ok(())
    }

    fn make_room(&mut self) -> io::Result<()> {
        while self.total_bytes > self.total_bytes_max {
            let oldest = self
                .functions
                .iter()
                .filter_map(|(function, segments)| Some((&segments.front()?.name, function)))
                .min();
            let Some((_, function)) = oldest else {
                return Ok(());
            };
            self.remove_oldest(&function.clone())?;
        }
        Ok(())
    }

    fn remove_oldest(&mut self, function: &FunctionName) -> io::Result<u64> {
        let Some(segments) = self.functions.get_mut(function) else {
            return Ok(0);
        };
        let Some(segment) = segments.pop_front() else {
            return Ok(0);
        };
        if segments.is_empty() {
            self.functions.remove(function);
            self.open.retain(|(open, _)| open != function);
        }
        self.total_bytes -= segment.bytes;
        match fs::remove_file(self.path(function, &segment.name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(segment.bytes),
        }
    }

    fn path(&self, function: &FunctionName, segment: &str) -> PathBuf {
        self.folder.join(function.as_str()).join(segment)
    }
}

/// Sorts as the number does.
fn stamp(moment: Timestamp) -> String {
    format!("{:016x}", moment.0.max(0))
}

fn stock(folder: &Path) -> io::Result<VecDeque<Segment>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.len() <= NAME_BYTES_MAX {
            found.push(Segment {
                name,
                bytes: entry.metadata()?.len(),
            });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found.into())
}
