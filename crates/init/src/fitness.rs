//! Whether a program may be a template: what it has that its clones would share or miss, or by which it has power over
//! them. To be asked when it stands still and nothing else of it is left.

use crate::descriptors::OF_A_PROGRAM;
use crate::kernel::memory;
use crate::kernel::registers::Registers;
use crate::status::Status;
use crate::template::{Template, Unfit};
use rustix::fs::{StatVfsMountFlags, statvfs};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Memory maps of a template that are looked through.
const MAPS_BYTES_MAX: u64 = 16 << 20;
/// Folders that clones have of their own. What a program left there they would miss.
const OWN_FOLDERS: [&str; 2] = ["/tmp", "/dev/shm"];
/// Its standard streams, which clones get anew.
const STREAMS: [&str; 3] = ["0", "1", "2"];
/// Of linux/rseq.h: where the sequence is told that a thread is in.
const SEQUENCE_AT: u64 = 8;
/// What the kernel calls the limit that a program has of its own.
const DESCRIPTORS: &str = "Max open files";

impl Template {
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Unfit> {
        self.check_filters()?;
        self.check_sequences()?;
        let folder = format!("/proc/{}", self.pid().as_raw_pid());
        check_descriptors(&folder)?;
        check_own_folders()?;
        let maps = maps(&folder)?;
        if let Some(line) = shared(&maps) {
            return Err(Unfit::ForGood(format!("it shares memory: {line}")));
        }
        check_files(&folder, &maps)?;
        limits.check(&folder)?;
        self.check_instruction()
    }

    /// Beside those of this process it must be under the one that it was started with. What it lays upon itself decides
    /// what becomes of the calls that restrict its clones: it could have them answered and not done.
    fn check_filters(&self) -> Result<(), Unfit> {
        let expected = Status::of_self()?.filters().map(|own| own + 1);
        match Status::of(self.pid())?.filters() {
            Some(found) if Some(found) == expected => Ok(()),
            Some(_) => Err(Unfit::ForGood(
                "it has a filter of system calls of its own".to_owned(),
            )),
            None => Err(Unfit::ForGood(
                "this kernel does not tell its filters".to_owned(),
            )),
        }
    }

    /// Whoever stands inside of a sequence that the kernel begins anew goes on where its memory says, whatever registers it
    /// is given: so would clones, before they are restricted.
    fn check_sequences(&self) -> Result<(), Unfit> {
        let Some(place) = self.tracee.restartable()? else {
            return Ok(());
        };
        let mut sequence = [0; 8];
        memory::read(self.pid(), place + SEQUENCE_AT, &mut sequence)?;
        match u64::from_ne_bytes(sequence) {
            0 => Ok(()),
            _ => Err(Unfit::ForGood(
                "it forks in a restartable sequence".to_owned(),
            )),
        }
    }

    /// Another thread may have written over the instruction while the fork was made.
    fn check_instruction(&self) -> Result<(), Unfit> {
        let mut found = [0; Registers::INSTRUCTION.len()];
        memory::read(self.pid(), self.registers.instruction(), &mut found)?;
        match found == *Registers::INSTRUCTION {
            true => Ok(()),
            false => Err(Unfit::ForGood(
                "it has changed its code while it forked".to_owned(),
            )),
        }
    }
}

fn check_descriptors(folder: &str) -> Result<(), Unfit> {
    let mut streams = 0;
    for entry in fs::read_dir(format!("{folder}/fd"))? {
        let entry = entry?;
        if !STREAMS.iter().any(|stream| entry.file_name() == *stream) {
            let what = fs::read_link(entry.path()).unwrap_or_default();
            return Err(Unfit::ForGood(format!("it holds {} open", what.display())));
        }
        streams += 1;
    }
    match streams == STREAMS.len() {
        true => Ok(()),
        false => Err(Unfit::ForGood("it has closed a standard stream".to_owned())),
    }
}

fn check_own_folders() -> Result<(), Unfit> {
    for path in OWN_FOLDERS {
        // One that cannot be read is not known to be empty.
        if let Some(entry) = fs::read_dir(path)?.next() {
            let file = Path::new(path).join(entry?.file_name());
            return Err(Unfit::ForGood(format!("it has written {}", file.display())));
        }
    }
    Ok(())
}

fn maps(folder: &str) -> Result<String, Unfit> {
    let mut bytes = Vec::new();
    let file = File::open(format!("{folder}/smaps"))?;
    file.take(MAPS_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAPS_BYTES_MAX {
        return Err(Unfit::ForGood(
            "it has too many pieces of memory".to_owned(),
        ));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What it executes and has mapped, even privately, must be files that nobody can write: clones would write to each
/// other by them. Of what has no name any more nobody knows who can.
fn check_files(folder: &str, maps: &str) -> Result<(), Unfit> {
    let executed = fs::read_link(format!("{folder}/exe"))?;
    let executed = executed.to_string_lossy();
    let paths: BTreeSet<&str> = mapped(maps).chain([&*executed]).collect();
    for path in paths {
        let read_only = StatVfsMountFlags::RDONLY;
        if !statvfs(path).is_ok_and(|found| found.f_flag.contains(read_only)) {
            return Err(Unfit::ForGood(format!(
                "it runs or has mapped {path}, which can be written"
            )));
        }
    }
    Ok(())
}

/// The limits of this process, as they were before it had a program, whose user could change them.
pub(crate) struct Limits(String);

impl Limits {
    pub(crate) fn of_self() -> io::Result<Self> {
        fs::read_to_string("/proc/self/limits").map(Self)
    }

    /// A template's are its clones', and must be those that any program has from this process.
    fn check(&self, folder: &str) -> Result<(), Unfit> {
        let its = fs::read_to_string(format!("{folder}/limits"))?;
        let unchanged = Self::of_self()?.0 == self.0 && others(&its).eq(others(&self.0));
        let few = OF_A_PROGRAM.to_string();
        let mut lines = its
            .lines()
            .filter_map(|line| line.strip_prefix(DESCRIPTORS));
        let descriptors = lines.next().unwrap_or_default().split_whitespace();
        match unchanged && descriptors.eq([&*few, &*few, "files"]) {
            true => Ok(()),
            false => Err(Unfit::ForGood("it has changed its limits".to_owned())),
        }
    }
}

fn others(limits: &str) -> impl Iterator<Item = &str> {
    let lines = limits.lines();
    lines.filter(|line| !line.starts_with(DESCRIPTORS))
}

/// The files of memory, as the kernel tells it.
fn mapped(maps: &str) -> impl Iterator<Item = &str> {
    maps.lines().filter_map(|line| {
        let (_, path) = line.split_once(" /")?;
        let start = line.len() - path.len() - 1;
        line.get(start..)
    })
}

/// The first memory that several processes could write, as the kernel tells it.
fn shared(maps: &str) -> Option<&str> {
    let mut place = "";
    for line in maps.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            let has = |wanted: &str| flags.split_whitespace().any(|flag| flag == wanted);
            if has("sh") && has("mw") {
                return Some(place);
            }
        } else if line
            .starts_with(|first: char| first.is_ascii_digit() || first.is_ascii_lowercase())
        {
            place = line;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_could_be_written_by_several_is_found() {
        let private = "00400000-00401000 r-xp 0 00:1 7 /bin/x\nVmFlags: rd ex mr mw me\n";
        let read_only =
            "7f00-7f01 r--s 0 00:1 8 /usr/lib/cache\nSize: 4 kB\nVmFlags: rd sh mr me\n";
        let shared_one = "7f02-7f03 rw-s 0 00:1 9 /dev/zero\nVmFlags: rd wr sh mr mw me\n";
        assert_eq!(shared(&format!("{private}{read_only}")), None);
        let found = shared(&format!("{private}{shared_one}{read_only}")).map(str::to_owned);
        assert_eq!(found.as_deref(), Some("7f02-7f03 rw-s 0 00:1 9 /dev/zero"));
    }

    #[test]
    fn files_are_told_whole() {
        let maps = "55-56 r-xp 0 00:1 7      /tmp/a b (deleted)\nSize: 4 kB\n57-58 rw-p 0 00:00 0\n59-5a rw-p 0 00:00 0   [heap]\n";
        assert_eq!(mapped(maps).collect::<Vec<_>>(), ["/tmp/a b (deleted)"]);
    }
}
