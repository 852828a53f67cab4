//! Reading and writing the small files of control groups.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

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

/// Kills the processes in a group, one by one.
pub(super) fn kill_processes(folder: &Path) -> io::Result<()> {
    for pid in processes(folder)?
        .into_iter()
        .filter_map(rustix::process::Pid::from_raw)
    {
        match rustix::process::kill_process(pid, rustix::process::Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
