//! What the kernel tells of a process, in its `status`. A process names itself, with any bytes but a line's end.

use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsFd, AsRawFd};
use std::{fs, io};

/// The number of a process by its descriptor, as /proc of the caller's own name space tells it.
///
/// # Errors
/// `SRCH` if it is gone, or is not in that name space.
pub fn number_of(process: impl AsFd) -> Result<Pid, Errno> {
    let path = format!("/proc/self/fdinfo/{}", process.as_fd().as_raw_fd());
    let told = fs::read_to_string(path).map_err(|_| Errno::SRCH)?;
    let line = told.lines().find_map(|line| line.strip_prefix("Pid:"));
    let number = line.and_then(|number| number.trim().parse().ok());
    let number = number.filter(|number| *number > 0);
    number.and_then(Pid::from_raw).ok_or(Errno::SRCH)
}

/// As it was at one moment.
pub(crate) struct Status(String);

impl Status {
    pub(crate) fn of(process: Pid) -> io::Result<Self> {
        Self::read(&process.as_raw_pid().to_string())
    }

    pub(crate) fn of_self() -> io::Result<Self> {
        Self::read("self")
    }

    #[cfg(test)]
    pub(crate) fn told(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn read(whose: &str) -> io::Result<Self> {
        let bytes = fs::read(format!("/proc/{whose}/status"))?;
        Ok(Self(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The words of the line with that name.
    pub(crate) fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(':'));
        let line = lines.find_map(|(found, rest)| (found == name).then_some(rest));
        line.into_iter().flat_map(str::split_whitespace)
    }

    /// How many filters of system calls it is under; nobody tells before Linux 5.9.
    pub(crate) fn filters(&self) -> Option<u32> {
        self.words("Seccomp_filters").next()?.parse().ok()
    }

    /// Its numbers in this name space and those below in which it is.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = i32> {
        self.words("NSpid").filter_map(|word| word.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        let status = "Name:\tSeccomp_filters\nNSpid:\t12\t3\nSeccomp:\t2\nSeccomp_filters:\t4\n";
        let status = Status(status.to_owned());
        assert_eq!(status.filters(), Some(4));
        assert_eq!(status.numbers().collect::<Vec<_>>(), [12, 3]);
        assert_eq!(status.words("Uid").next(), None);
    }
}
