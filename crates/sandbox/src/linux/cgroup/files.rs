//! Reading and writing the small files of control groups.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

/// Writes a value in one call, as these files demand.
pub(super) fn write(folder: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    // Neither made nor emptied first, which would take longer than the write.
    let mut file = OpenOptions::new().write(true).open(folder.join(file))?;
    file.write_all(value.to_string().as_bytes())
}

/// Writes a value to a file that not every kernel has.
pub(super) fn write_if_there(folder: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    match write(folder, file, value) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        written => written,
    }
}

/// Removes a group; one that is gone already is no error.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Pids of the processes in a group.
pub(super) fn processes(folder: &Path) -> io::Result<Vec<i32>> {
    let text = fs::read_to_string(folder.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
}

/// Kills the processes in a group, one by one, and tells the first error when all have been tried.
pub(super) fn kill_processes(folder: &Path) -> io::Result<()> {
    kill_each(&processes(folder)?, |pid| kill_process(pid, Signal::KILL))
}

fn kill_each(pids: &[i32], kill: impl Fn(Pid) -> Result<(), Errno>) -> io::Result<()> {
    let killed = pids.iter().copied().filter_map(Pid::from_raw).map(kill);
    let gone_is_no_error = |killed| match killed {
        Err(Errno::SRCH) => Ok(()),
        killed => killed,
    };
    Ok(killed.map(gone_is_no_error).fold(Ok(()), Result::and)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn one_that_cannot_be_killed_saves_no_other() {
        let tried = RefCell::new(Vec::new());
        let kill = |pid: Pid| {
            tried.borrow_mut().push(pid.as_raw_pid());
            match pid.as_raw_pid() {
                2 => Err(Errno::SRCH),
                3 => Err(Errno::PERM),
                4 => Err(Errno::INVAL),
                _ => Ok(()),
            }
        };
        let failed = kill_each(&[2, 3, 4, 5], kill).unwrap_err();
        assert_eq!(Errno::from_io_error(&failed), Some(Errno::PERM));
        assert_eq!(tried.into_inner(), [2, 3, 4, 5]);
    }
}
